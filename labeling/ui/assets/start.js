// Starts a page: js_on_load hands over the element Gradio made for it.

import { fill, h } from "./dom.js";
import { whoAmI } from "./page.js";
import { takeTheme } from "./theme.js";
import { sendUnsent } from "./unsent.js";
import { isAdmin } from "./who.js";

const SENDS_ITSELF = ["label", "browse"];
const FOR_ADMINS = ["train", "request", "export"];

const EMPTY = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==";

/** A picture that cannot be had leaves an empty place: no torn one, and no name of a file turned upside down. */
function leaveEmpty({ target }) {
  if (target.tagName === "IMG" && target.src !== EMPTY) target.src = EMPTY;
}

/** Load the module of a page and let it build itself inside `element`. */
export async function start(page, element) {
  const host = element.querySelector(".wb");
  if (!host || host.dataset.started) return; // Gradio may call again when it renders again
  host.dataset.started = "yes";
  takeTheme();
  host.addEventListener("error", leaveEmpty, { capture: true }); // it does not bubble
  try {
    if (FOR_ADMINS.includes(page) && (await whoAmI(host)) && !isAdmin()) {
      const words = h("p", {}, "Ask one of them, or go on labeling.");
      fill(host, h("div", { class: "wb-notice" }, h("strong", {}, "This page is for the project's admins"), words));
      return;
    }
    const { mount } = await import(`./${page}.js`);
    await mount(host);
    if (!SENDS_ITSELF.includes(page)) sendUnsent(host).catch(() => {}); // tried again by the next page
  } catch (error) {
    const again = h(
      "button",
      { class: "wb-main", type: "button", onclick: () => window.location.reload() },
      "Try again",
    );
    fill(
      host,
      h("div", { class: "wb-notice" }, h("strong", {}, "The page could not start"), h("p", {}, error.message), again),
    );
    if (!("offline" in error)) throw error;
  }
}
