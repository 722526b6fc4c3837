// One picture of a page of the grid.

import { h } from "./dom.js";

/** Its item, whether it is left out, and the class it would get. */
export class Tile {
  constructor(item, cls, grid) {
    this.item = item;
    this.out = false;
    this.class = cls;
    this.loaded = false;
    this.image = h("img", { class: "wb-thumb", alt: "", draggable: "false" });
    this.words = h("figcaption");
    this.element = h(
      "button",
      { class: "wb-tile", type: "button", tabindex: "-1", role: "option" },
      this.image,
      this.words,
    );
    this.image.addEventListener("load", () => {
      if (!this.image.src.startsWith("data:")) this.broken = false; // it came after all; it stays left out
      this.loaded = true;
      grid.changed();
    });
    this.image.addEventListener(
      "error",
      () => ((this.out = true), (this.broken = true), (this.loaded = true), grid.changed()),
    );
    this.image.src = item.thumb;
  }

  draw(predicted, nameOf) {
    this.element.classList.toggle("wb-out", this.out);
    this.element.classList.toggle("wb-other", !this.out && this.class !== predicted);
    this.element.setAttribute("aria-selected", String(!this.out));
    const words = this.broken
      ? "cannot be shown"
      : this.out
        ? "left out"
        : this.class === predicted
          ? " "
          : nameOf(this.class);
    this.words.textContent = words;
    this.element.setAttribute("aria-label", `${this.item.file}: ${this.out ? words : nameOf(this.class)}`);
  }
}
