// A dialog over the page: the keyboard stays inside it, Escape closes it, focus goes back to where it was.

import { h } from "./dom.js";

const ROOM = 260; // pixels that a dialog needs beside something, to be read

/** Open a dialog with a heading and content; returns { element, close }. What it stands `beside` stays in sight. */
export function openDialog(host, title, content, { onclose = () => {}, wide = false, beside = null } = {}) {
  const close = () => element.close();
  const element = h(
    "dialog",
    { class: wide ? "wb-dialog wb-wide" : "wb-dialog", "aria-label": title },
    h("header", {}, h("h2", {}, title), h("button", { class: "wb-quiet", "aria-label": "Close", onclick: close }, "✕")),
    content,
  );
  const place = () => standBeside(element, beside);
  element.addEventListener("close", () => {
    window.removeEventListener("resize", place);
    element.remove();
    onclose();
  });
  element.addEventListener("click", (event) => event.target === element && close());
  host.append(element);
  element.showModal();
  if (beside?.offsetParent) place(), window.addEventListener("resize", place);
  element.querySelector("[autofocus]")?.focus();
  return { element, close };
}

/** Put a dialog to the right of something where there is room, else below it. */
function standBeside(element, beside) {
  element.classList.add("wb-beside"); // on a phone that makes room below
  const { top, right, bottom } = beside.getBoundingClientRect();
  const aside = window.innerWidth - right >= ROOM;
  const [x, y] = aside ? [right + 8, top] : [12, bottom + 8];
  const [width, height] = [window.innerWidth - x - 12, window.innerHeight - y - 12];
  Object.assign(element.style, { margin: `${y}px auto auto ${x}px`, width: `${width}px`, maxHeight: `${height}px` });
}

/** Whether a dialog is open, so that the page's own keys rest. */
export function dialogIsOpen() {
  return document.querySelector("dialog[open]") !== null;
}
