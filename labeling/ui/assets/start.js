// Starts a page: js_on_load hands over the element Gradio made for it.

import { fill, h } from "./dom.js";
import { followPictures } from "./lostpictures.js";
import { whoAmI } from "./page.js";
import { takeTheme } from "./theme.js";
import { sendUnsent } from "./unsent.js";
import { isAdmin } from "./who.js";

const SENDS_ITSELF = ["label", "browse"];
const FOR_ADMINS = ["train", "request", "export"];

/** Load the module of a page and let it build itself inside `element`. */
export async function start(page, element) {
  const host = element.querySelector(".wb");
  if (!host || host.dataset.started) return; // Gradio may call again when it renders again
  host.dataset.started = "yes";
  takeTheme();
  followPictures(host);
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
