// What people disagree on, in Browse: who says what, right below the picture, and a press that decides.

import { fill, h, keycap } from "./dom.js";

/** `settle(kind, cls)` is called with what somebody decides for, where `mayChange` says that they may. */
export class DisputePanel {
  constructor({ nameOf, keymap, settle, mayChange }) {
    Object.assign(this, { nameOf, keymap, settle, mayChange });
    this.element = h("div", { class: "wb-dispute", role: "status", hidden: true });
  }

  /** Show the opinions on an image by its history, once that is there; nothing where people agree. */
  show(image, history = null) {
    const said = (history ?? []).filter(({ kind, stands }) => stands && ["label", "reject"].includes(kind));
    this.element.hidden = image.label.state !== "disputed" || said.length === 0;
    if (this.element.hidden) return;
    const answers = Map.groupBy(said, (answer) => (answer.kind === "reject" ? null : answer.class));
    fill(
      this.element,
      h("p", {}, "People disagree:"),
      [...answers].map(([cls, given]) => this.opinion(cls, given.map(({ person }) => person).join(", "), this.mayChange(image))),
    );
  }

  opinion(cls, people, mayChange) {
    const name = cls === null ? "none of our classes" : this.nameOf(cls);
    if (!mayChange) return h("p", {}, h("b", {}, name), ` · ${people}`);
    const key = cls === null ? this.keymap.byAction.get("reject") : this.keymap.byClass.get(cls);
    const settle = () => this.settle(cls === null ? "reject" : "label", cls);
    return h("div", { class: "wb-row" }, h("button", { type: "button", onclick: settle }, `It is ${name}`, key && keycap(key)), h("small", {}, people));
  }
}
