// A suspect label in Browse: what the other labels say, and the two answers to it.

import { fill, h, keycap, percent } from "./dom.js";

/** `settle("label", cls)` is called with the class that somebody decides for, where `mayChange` says that they may. */
export class SuspectPanel {
  constructor({ nameOf, keymap, settle, mayChange }) {
    Object.assign(this, { nameOf, keymap, settle, mayChange });
    this.element = h("div", { class: "wb-suspect", role: "status", hidden: true });
    this.shown = "";
  }

  /** Show why an image's label is suspect, or nothing where it is not. */
  show(about) {
    const { image, label, suspect } = about;
    this.element.hidden = !suspect;
    const shown = JSON.stringify([image, label.class, suspect]);
    if (!suspect || shown === this.shown) return; // buttons that are left alone keep their focus
    this.shown = shown;
    const [said, other] = [label.class, suspect.class].map((cls) => h("b", {}, this.nameOf(cls)));
    const answer = (words, cls, key) =>
      h("button", { type: "button", onclick: () => this.settle("label", cls) }, words, this.nameOf(cls), key && keycap(key));
    fill(
      this.element,
      h("p", {}, "It is labeled ", said, ". Beside the other labels it looks like ", other, ` (${percent(suspect.probability)}).`),
      this.mayChange(about) && h(
        "div",
        { class: "wb-row" },
        answer("It is ", suspect.class, this.keymap.byAction.get("first_guess")),
        answer("Keep ", label.class, this.keymap.byClass.get(label.class)),
      ),
    );
  }
}
