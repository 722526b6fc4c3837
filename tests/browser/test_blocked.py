"""A browser that keeps nothing for the pages: storage that may not even be asked for, cookies that are thrown away."""

import re

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.bench import Bench, Tab
from tests.browser.test_network import pictures_ahead

BLOCKED = """for (const name of ["localStorage", "sessionStorage"])
  Object.defineProperty(window, name, { get() { throw new DOMException("Access is denied", "SecurityError"); } });"""


def test_labeling_goes_on_where_storage_is_blocked(tab: Tab, context: BrowserContext) -> None:
    context.add_init_script(BLOCKED)
    tab.open("/project").open().ready()
    (first,) = tab.press("1")
    tab.saved()
    tab.page.click(".wb-theme")
    pictures_ahead(tab)

    tab.page.route(re.compile("/api/"), lambda route: route.abort())
    (second,) = tab.press("2")
    expect(tab.page.locator(".wb-chip")).to_have_text("Offline, 1 kept here (until you reload)")
    tab.page.unroute_all()

    assert [(image, name) for _, image, name, *_ in tab.events()] == [(first, "1"), (second, "2")]
    tab.complaints.clear()  # the cut itself is noted by the browser


def test_where_cookies_are_blocked_it_is_said_before_anything_is_labeled(
    context: BrowserContext, bench: Bench, person: str
) -> None:
    page: Page = context.new_page()
    page.route(re.compile("/api/people$"), lambda route: (context.clear_cookies(), route.continue_()))
    page.goto(bench.url)
    page.fill("dialog input[name=person]", person)
    page.keyboard.press("Enter")

    expect(page.locator("dialog[open] [role=alert]")).to_contain_text("keeps no cookie of this page")
