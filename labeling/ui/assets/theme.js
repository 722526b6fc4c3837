// Dark or light: chosen in this browser, else as its system is.

import { h } from "./dom.js";
import { ofBrowser } from "./storage.js";

const CHOSEN = "barlowmatch:theme";

/** Be dark or light as was chosen in this browser, else as its system is. */
export function takeTheme() {
  const chosen = ofBrowser.get(CHOSEN);
  const dark = chosen === null ? window.matchMedia("(prefers-color-scheme: dark)").matches : chosen === "dark";
  document.body.classList.toggle("dark", dark);
}

/** The button that switches between dark and light; the choice is this browser's. */
export function themeButton() {
  const toggle = () => {
    const dark = document.body.classList.toggle("dark");
    ofBrowser.set(CHOSEN, dark ? "dark" : "light");
  };
  const title = "Dark or light";
  return h("button", { class: "wb-quiet wb-theme", type: "button", title, "aria-label": title, onclick: toggle }, "◐");
}
