// Another project was opened at this page's address: said once on every page, with the way on.

import { h } from "./dom.js";

/** Say at the top of `host` in words that another project is open here; null: no longer. */
export function sayElsewhere(host, words) {
  document.querySelector(".wb-elsewhere")?.remove();
  if (words === null) return;
  const again = h("button", { type: "button", onclick: () => window.location.reload() }, "Load the page anew");
  host.prepend(h("div", { class: "wb-elsewhere", role: "alert" }, h("p", {}, words), again));
}
