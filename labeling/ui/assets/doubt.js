// A suspect label: what the other labels say, and the two answers to it.

import { fill, h, keycap, percent } from "./dom.js";

/** `settle` is called with the class that somebody decides for. */
export class Doubt {
  constructor({ nameOf, keymap, settle }) {
    Object.assign(this, { nameOf, keymap, settle });
    this.element = h("div", { class: "wb-doubt", hidden: true });
  }

  /** Show the doubt about an image's label, or nothing where there is none. */
  show({ label, suspect }) {
    this.element.hidden = !suspect;
    if (!suspect) return;
    const [said, other] = [label.class, suspect.class].map((cls) => h("b", {}, this.nameOf(cls)));
    const answer = (words, cls, key) =>
      h("button", { type: "button", onclick: () => this.settle(cls) }, words, this.nameOf(cls), key && keycap(key));
    fill(
      this.element,
      h("p", {}, "It is labeled ", said, ". Beside the other labels it looks like ", other, ` (${percent(suspect.probability)}).`),
      h(
        "div",
        { class: "wb-row" },
        answer("It is ", suspect.class, this.keymap.byAction.get("first_guess")),
        answer("Keep ", label.class, this.keymap.byClass.get(label.class)),
      ),
    );
  }
}
