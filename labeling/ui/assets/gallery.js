// The images of a page of Browse, as tiles of which one may be chosen.

import { arrowStep, fill, h } from "./dom.js";
import { labelWords } from "./page.js";

/**
 * Tiles of images; the chosen one has the focus, and is the one that Tab comes to.
 *
 * A tile is {image, element, words, picture}: what the server said of an image, and what shows it.
 */
export class Gallery {
  /** `chose(tile)` hears of each choice, of undefined where nothing is chosen any more. */
  constructor({ nameOf, chose }) {
    Object.assign(this, { nameOf, chose });
    this.element = h("div", { class: "wb-tiles", role: "listbox", "aria-label": "Images" });
    this.tiles = [];
    this.at = -1;
  }

  get chosen() {
    return this.tiles[this.at];
  }

  /** Show these images, from the top, with none chosen. */
  show(images) {
    this.choose(-1);
    this.tiles = images.map((image) => this.tile(image));
    fill(
      this.element,
      this.tiles.map((tile) => tile.element),
    );
    this.element.scrollTop = 0;
    this.tiles[0]?.element.setAttribute("tabindex", "0");
  }

  /** Show words in place of images, and a way on. */
  say(words, way = null) {
    this.show([]);
    fill(this.element, h("div", { class: "wb-hint" }, h("p", {}, words), way));
  }

  tile(image) {
    const words = h("figcaption");
    const picture = h("img", { class: "wb-thumb", src: image.thumb, alt: "", loading: "lazy", draggable: "false" });
    const element = h(
      "button",
      {
        class: "wb-tile",
        type: "button",
        role: "option",
        tabindex: "-1",
        onclick: () => this.choose(this.tiles.indexOf(tile)),
      },
      picture,
      words,
    );
    const tile = { image, element, words, picture };
    this.draw(tile);
    return tile;
  }

  draw({ image, element, words }) {
    const doubt = image.suspect ? ` → ${this.nameOf(image.suspect.class)}?` : "";
    words.textContent =
      (image.flagged ? "⚑ " : "") + (image.missing ? "missing" : labelWords(image.label, this.nameOf)) + doubt;
    words.dataset.state = image.missing ? "missing" : image.suspect ? "suspect" : image.label.state;
    element.title = `${image.file}: ${words.textContent}`; // whole where the tile cuts it
    element.setAttribute("aria-label", element.title);
  }

  /** Choose the tile at a place, or at −1 none. */
  choose(place) {
    this.chosen?.element.setAttribute("aria-selected", "false");
    this.at = place;
    const tile = this.chosen;
    if (tile) {
      for (const other of this.tiles) other.element.setAttribute("tabindex", other === tile ? "0" : "-1");
      tile.element.setAttribute("aria-selected", "true");
      tile.element.focus({ preventScroll: true });
      tile.element.scrollIntoView({ block: "nearest" });
    }
    this.chose(tile);
  }

  /** Choose the tile that an arrow key leads to, the first one where none is chosen; say whether it is such a key. */
  follow(key) {
    const step = arrowStep(this.element, key);
    if (!step || this.tiles.length === 0) return false;
    this.choose(Math.max(0, Math.min(this.tiles.length - 1, this.at < 0 ? 0 : this.at + step)));
    return true;
  }

  /** Choose the next tile, going round, whose image passes a test; where none does, none. */
  chooseNext(passes) {
    const left = this.tiles.flatMap(({ image }, place) => (passes(image) ? [place] : []));
    this.choose(left.find((place) => place > this.at) ?? left[0] ?? -1);
  }

  /** Choose an image if it is here. */
  goTo(image) {
    const place = this.tiles.findIndex((tile) => tile.image.image === image);
    if (place >= 0 && place !== this.at) this.choose(place);
  }

  /** Show what is known of an image if it is here, and return its tile. */
  update(image, known) {
    const tile = this.tiles.find((other) => other.image.image === image);
    if (!tile) return undefined;
    Object.assign(tile.image, known);
    this.draw(tile);
    return tile;
  }
}
