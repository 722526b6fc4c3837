// The chosen image in Browse: the picture, its classes to choose from, and everything that was said of it.

import * as api from "./api.js";
import { fill, h, percent, when } from "./dom.js";
import { labelWords } from "./page.js";

const KINDS = {
  skip: "skipped it",
  reject: "none of our classes",
  flag: "flagged it",
  unflag: "took the flag off",
  "send-back": "sent it back",
  undo: "undid",
  redo: "redid",
};
export const OTHERS = "Others labeled it: an admin of the project can change that.";
const SMALL = 64; // pictures of fewer pixels are shown as squares

/** The panel at the side; on a phone it covers the page. */
export class Inspector {
  constructor({ nameOf, classList, panels, search, tools, close, mayChange }) {
    Object.assign(this, { nameOf, panels, mayChange });
    const fit = ({ target }) => target.style.setProperty("--ratio", target.naturalWidth / target.naturalHeight);
    this.picture = h("img", { class: "wb-large", alt: "", onload: fit });
    this.file = h("div", { class: "wb-file" });
    this.now = h("div", { role: "status" });
    this.history = h("ol", { class: "wb-history" });
    const heading = h("header", {}, h("h2", {}, "Change the label"), search);
    this.change = h("section", {}, heading, classList.element);
    this.others = h("p", { class: "wb-hint" }, OTHERS);
    [this.none] = tools;
    const back = h("button", { class: "wb-back", type: "button", onclick: close }, "← All images");
    this.content = h(
      "div",
      { class: "wb-form", hidden: true },
      back,
      this.picture,
      this.file,
      this.now,
      panels.map((panel) => panel.element),
      this.change,
      this.others,
      h("div", { class: "wb-otherwise" }, tools),
      h("section", {}, h("header", {}, h("h2", {}, "What was said")), this.history),
    );
    this.hint = h(
      "p",
      { class: "wb-hint" },
      "Choose an image to see it large, with everything that was said of it. A class key then changes its label.",
    );
    this.element = h("aside", { class: "wb-side", "aria-label": "The chosen image" }, this.hint, this.content);
  }

  /** Show nothing. */
  clear() {
    this.shown = null;
    this.element.classList.remove("wb-open");
    this.content.hidden = true;
    this.hint.hidden = false;
  }

  /** Show an image; its history follows when the server has answered. */
  async show(image) {
    const other = this.shown !== image.image;
    this.shown = image.image;
    this.element.classList.add("wb-open");
    this.content.hidden = false;
    this.hint.hidden = true;
    this.label(image);
    this.file.textContent = image.file;
    if (other) {
      this.paint(image);
      this.history.replaceChildren();
    }
    try {
      const details = await api.get(`api/images/${image.image}`);
      if (this.shown !== image.image) return;
      fill(this.history, this.story(details.history));
      for (const panel of this.panels) panel.show(image, details.history);
    } catch (error) {
      if (this.shown === image.image) fill(this.history, h("li", {}, error.message));
    }
  }

  /** Show the small picture until the large one is there: a browser would go on showing that of the image before. */
  async paint(image) {
    this.picture.removeAttribute("src");
    this.picture.classList.remove("wb-small-picture");
    this.picture.src = image.thumb;
    const large = h("img", { src: image.url });
    try {
      await large.decode();
    } catch {
      if (this.shown === image.image) this.failed();
      return;
    }
    if (this.shown !== image.image) return;
    this.picture.src = image.url;
    this.picture.classList.toggle("wb-small-picture", large.naturalWidth <= SMALL);
  }

  /** Show the label an image has now. */
  label(image) {
    const { label, guess } = image;
    for (const panel of this.panels) panel.show(image);
    this.others.hidden = this.mayChange(image);
    this.change.hidden = this.none.hidden = !this.others.hidden;
    const model = guess && [
      " · the model says ",
      h("b", {}, this.nameOf(guess.class)),
      ` ${percent(guess.probability)}`,
    ];
    fill(this.now, h("b", {}, labelWords(label, this.nameOf)), model);
  }

  failed() {
    this.file.textContent +=
      " · The file is gone, or it has changed since it was indexed. Put it back, or read the folder again on the Project page.";
  }

  story(history) {
    if (history.length === 0) return h("li", {}, "Nothing yet.");
    return history.map(({ kind, class: cls, person, time, late, message, stands }) => {
      const said = ["label", "confirm"].includes(kind) ? this.nameOf(cls) : (KINDS[kind] ?? kind);
      const note = late ? ` · late: ${message ?? "without a lease"}` : "";
      return h("li", { class: stands ? "" : "wb-fallen" }, h("b", {}, said), ` · ${person} · ${when(time)}${note}`);
    });
  }
}
