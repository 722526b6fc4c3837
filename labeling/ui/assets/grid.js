// The grid: a page of images that the model takes for one class. All are taken in; the exceptions are left out or
// given another class; Enter commits the page as one act.

import * as api from "./api.js";
import { arrowStep, count, fill, h, keycap, NOTICE } from "./dom.js";
import { lend, takeBack, whyNone } from "./lending.js";
import { Tile } from "./tile.js";

const PAGE = 48;
/** The view; `ask` lets the person choose a class by name, `close` leads back to the single view, `keys` are theirs. */
export class Grid {
  constructor({ session, client, nameOf, keys, ask, close, refuse }) {
    Object.assign(this, { session, client, nameOf, ask, close, refuse });
    this.keyOf = (action) => keycap(keys.byAction.get(action));
    this.tiles = [];
    this.at = 0;
    this.busy = false;
    this.turn = 0; // how often the page was turned
    this.select = h("select", {
      "aria-label": "Predicted class",
      onchange: () => this.open(Number(this.select.value)),
    });
    this.says = h("label", {}, "The model says", this.select);
    this.words = h("span", { class: "wb-words", "aria-live": "polite" });
    this.save = h("button", { class: "wb-main", type: "button", onclick: (event) => this.commit(event) });
    this.leave = h("button", { type: "button", onclick: () => close() });
    this.other = h("button", { type: "button", onclick: () => this.search() });
    const how =
      " by pointer, or with arrows and Space; a class key gives the tiles left out, or the one you are on, that class; A turns the choice about; PgDn and PgUp go to the next class and back.";
    this.how = h("p", { class: "wb-hint" }, "All are taken in: leave out the exceptions", h("span", { class: "wb-keyboard" }, how));
    this.list = h("div", {
      class: "wb-tiles",
      role: "listbox",
      "aria-label": "Images",
      "aria-multiselectable": "true",
    });
    this.element = h(
      "section",
      { class: "wb-grid", hidden: true },
      h(
        "header",
        {},
        this.says,
        this.words,
        h("span", { class: "wb-space" }),
        this.other,
        this.leave,
        this.save,
      ),
      this.how,
      this.list,
    );
    this._mouse();
    this._finger();
  }

  /** Open the page of a class, or of the class the model is surest of. */
  async open(cls = null) {
    const turn = this._turnPage();
    this.element.hidden = false;
    this.release();
    this.say("Looking for images that belong together…");
    try {
      const { classes } = await api.get("api/grid");
      if (turn === this.turn) await this._fetch(this._offer(classes, cls), turn);
    } catch (error) {
      if (turn === this.turn) this.say(error.message);
    }
  }

  /** Begin another page; an answer to a question of an earlier one belongs to nothing any more. */
  _turnPage() {
    this.turn += 1;
    clearTimeout(this.looking);
    this.looking = null;
    this.onward = false; // whether there is nothing here and another class to go on to
    this.seen = false; // whether all of the page was there for as long as one needs to see it
    return this.turn;
  }

  /** Offer the classes that have images; returns the wanted one of them, else the one the model is surest of, or null. */
  _offer(classes, wanted) {
    const open = classes.filter((entry) => entry.unlabeled > 0);
    const surest = open.toSorted((left, right) => right.confidence - left.confidence)[0]?.class ?? null;
    const cls = open.some((entry) => entry.class === wanted) ? wanted : surest;
    fill(
      this.select,
      open.map((entry) => h("option", { value: entry.class }, `${this.nameOf(entry.class)} · ${count(entry.unlabeled, "image")}`)),
    );
    this.says.hidden = open.length === 0;
    if (cls !== null) this.select.value = cls;
    return cls;
  }

  async _fetch(cls, turn) {
    if (cls === null)
      return this.say(
        "There is nothing to show: no image without a label has a prediction. Train a model and let it predict, then the grid fills.",
        h("a", { href: new URL("project", api.BASE) }, "What next"),
      );
    const { items, full, other_tabs: tabs } = await api.post("api/grid", { client: this.client, class: cls, count: PAGE });
    if (turn !== this.turn) return this._giveBack(items);
    const mine = lend(this.session, items);
    if (mine.length > 0) return this.show(mine, cls);
    this.onward = this.select.options.length > 1;
    const next = () => h("button", { class: "wb-main", type: "button", onclick: () => this.turnClass(1) }, "Next class", this.keyOf("first_guess"));
    return this.say(whyNone(full, tabs), this.onward && next());
  }

  /** Open the class that many places further in the list, going round. */
  turnClass(step) {
    const { options, selectedIndex: at } = this.select;
    if (options.length < 2) return this.refuse("There is no other class with images to label.");
    return this.open(Number(options[(at + step + options.length) % options.length].value));
  }

  /** Show items as tiles; `classes` gives each its class where they were decided before. */
  show(items, predicted, classes = null) {
    this._turnPage();
    this.element.hidden = false;
    this.predicted = predicted;
    this.tiles = items.map((item, place) => new Tile(item, classes?.[place] ?? predicted, this));
    this.session.extra = items;
    this.at = 0;
    this.busy = false;
    fill(
      this.list,
      this.tiles.map((tile) => tile.element),
    );
    this.changed();
    this.focus(0);
  }

  /** Say something where the tiles would be. */
  say(words, way = null) {
    this.tiles = [];
    fill(this.list, h("div", { class: "wb-notice" }, h("p", {}, words), way && h("div", { class: "wb-row" }, way)));
    this.changed();
  }

  /** Draw the tiles and the count again. */
  changed() {
    for (const tile of this.tiles) tile.draw(this.predicted, this.nameOf);
    const taken = this.tiles.filter((tile) => !tile.out).length;
    if (this.tiles.length > 0 && this.tiles.every((tile) => tile.loaded))
      this.looking ??= setTimeout(() => ((this.seen = true), this.changed()), NOTICE);
    this.words.textContent = this.tiles.length ? `${taken} taken in, ${this.tiles.length - taken} left out` : "";
    this.how.hidden = this.other.hidden = this.save.hidden = (this.says.hidden || this.onward) && this.tiles.length === 0;
    this.save.disabled = taken === 0 || !this.seen;
    fill(this.save, this.tiles.length > 0 && !this.seen ? "Loading…" : `Label ${count(taken, "image")}`, this.keyOf("first_guess"));
    fill(this.other, "Another class", this.keyOf("search"));
    fill(this.leave, "One at a time", this.keyOf("grid"));
  }

  /** Commit the page: what is taken in gets its class, the rest goes back. */
  commit(event) {
    if (event?.repeat || this.save.disabled || this.busy)
      return this.refuse("Not yet: the tiles have only just come, or none is taken in.");
    this.busy = true;
    const taken = this.tiles.filter((tile) => !tile.out);
    this.session.extra = this.tiles.filter((tile) => tile.out).map((tile) => tile.item);
    this.session.commit(
      taken.map((tile) => [tile.item, tile.class]),
      this.predicted,
    );
    return this.next();
  }

  /** Go on to the next page once what was said is stored, unless the page was turned meanwhile, as an undo does. */
  async next() {
    const { turn } = this;
    await this.session.outbox.flush();
    if (turn === this.turn) await this.open(this.predicted);
  }

  /** Give back the images on the page. */
  release() {
    const { extra } = this.session;
    this.session.extra = [];
    this.tiles = [];
    takeBack(this.session, extra);
    this._giveBack(extra);
  }

  _giveBack(items) {
    const held = new Set(this.session.leases());
    const leases = items.map((item) => item.lease).filter((lease) => lease && !held.has(lease));
    if (leases.length > 0) api.release(this.client, leases).catch(() => {}); // they expire by themselves
  }

  /** Leave the grid. */
  hide() {
    this._turnPage();
    this.release();
    this.element.hidden = true;
  }

  /** Take a key press; returns whether it was for the grid. */
  key(key, event, meaning) {
    const step = arrowStep(this.list, event.key);
    if (step) this._move(step, event.shiftKey);
    else if (event.repeat) this.refuse("The key is held down: one press, one act.");
    else if (key === " ") this._set([this.at], !this.tiles[this.at]?.out);
    else if (key === "Escape") this.close();
    else if (key === "PageDown" || key === "PageUp") this.turnClass(key === "PageDown" ? 1 : -1);
    else if (meaning?.action === "first_guess" && this.onward) this.turnClass(1);
    else if (meaning?.action === "first_guess") this.commit(event);
    else if (meaning?.class !== undefined) this._relabel(meaning.class);
    else if (meaning?.action === "search") this.search();
    else if (key === "a") this._turn();
    else return false;
    return true;
  }

  /** Choose by name which class the tiles left out get, or the one that has the focus. */
  search() {
    if (this.tiles.length > 0) this.ask((cls) => this._relabel(cls));
  }

  /** Put the focus on a tile. */
  focus(place) {
    this.tiles[this.at]?.element.setAttribute("tabindex", "-1");
    this.at = Math.max(0, Math.min(this.tiles.length - 1, place));
    this.tiles[this.at]?.element.setAttribute("tabindex", "0");
    this.tiles[this.at]?.element.focus({ preventScroll: false });
  }

  _move(step, range) {
    const from = this.at;
    const to = from + step;
    if (to < 0 || to >= this.tiles.length) return;
    this.focus(to);
    if (range) this._set(between(from, to), true);
  }

  _set(places, out) {
    for (const place of places) if (this.tiles[place] && !this.tiles[place].broken) this.tiles[place].out = out;
    this.changed();
  }

  _turn() {
    for (const tile of this.tiles) if (!tile.broken) tile.out = !tile.out;
    this.changed();
  }

  _relabel(cls) {
    const out = this.tiles.filter((tile) => tile.out && !tile.broken);
    for (const tile of out.length ? out : [this.tiles[this.at]].filter(Boolean)) {
      tile.class = cls;
      tile.out = false;
    }
    this.changed();
  }

  _placeOf(target) {
    return this.tiles.findIndex((tile) => tile.element === target?.closest?.(".wb-tile"));
  }

  // Press on a tile, drag over others: all get what the first one got. Shift takes the range from the last tile.
  _mouse() {
    let painting = null;
    this.list.addEventListener("pointerdown", (event) => {
      const place = this._placeOf(event.target);
      if (place < 0 || event.button !== 0 || event.pointerType !== "mouse") return;
      painting = !this.tiles[place].out;
      const places = event.shiftKey ? between(this.at, place) : [place];
      this.focus(place);
      this._set(places, painting);
      event.preventDefault();
    });
    this.list.addEventListener("pointerover", (event) => {
      const place = this._placeOf(event.target);
      if (painting === null || place < 0 || event.buttons !== 1) return;
      this.at = place;
      this._set([place], painting);
    });
    window.addEventListener("pointerup", () => (painting = null));
  }

  // A finger or pen that moves scrolls the page, and no click follows: what counts is the click, never the touch.
  _finger() {
    let touched = null;
    this.list.addEventListener("pointerdown", (event) => {
      touched = event.pointerType === "mouse" ? null : this._placeOf(event.target);
    });
    this.list.addEventListener("click", (event) => {
      const place = this._placeOf(event.target);
      if (place < 0 || place !== touched) return;
      touched = null;
      this.focus(place);
      this._set([place], !this.tiles[place].out);
    });
  }
}

/** The places from one to another, both included. */
function between(from, to) {
  const low = Math.min(from, to);
  return Array.from({ length: Math.abs(to - from) + 1 }, (_, step) => low + step);
}
