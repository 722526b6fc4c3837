// A dialog over the page: the keyboard stays inside it, Escape closes it, focus goes back to where it was.

import { h } from "./dom.js";

/** Open a dialog with a heading and content; returns { element, close }. */
export function openDialog(host, title, content, { onclose = () => {}, wide = false } = {}) {
  const close = () => element.close();
  const element = h(
    "dialog",
    { class: wide ? "wb-dialog wb-wide" : "wb-dialog", "aria-label": title },
    h("header", {}, h("h2", {}, title), h("button", { class: "wb-quiet", "aria-label": "Close", onclick: close }, "✕")),
    content,
  );
  element.addEventListener("close", () => {
    element.remove();
    onclose();
  });
  element.addEventListener("click", (event) => event.target === element && close());
  host.append(element);
  element.showModal();
  element.querySelector("[autofocus]")?.focus();
  return { element, close };
}

/** Whether a dialog is open, so that the page's own keys rest. */
export function dialogIsOpen() {
  return document.querySelector("dialog[open]") !== null;
}
