// Starts a page: js_on_load hands over the element Gradio made for it.

import { fill, h } from "./dom.js";

/** Load the module of a page and let it build itself inside `element`. */
export async function start(page, element) {
  const host = element.querySelector(".wb");
  if (!host || host.dataset.started) return; // Gradio may call again when it renders again
  host.dataset.started = "yes";
  try {
    const { mount } = await import(`./${page}.js`);
    await mount(host);
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
