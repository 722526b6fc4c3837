// What a strategy chose, as a grid of pictures with scores and reasons: drop what shall not be asked, then ask.

import * as api from "./api.js";
import { alertBox, arrowStep, count, fill, h, uuid } from "./dom.js";
import { numberWords } from "./ticks.js";

const PAGE = 200;

/** `overlap` gives how many people answer each picture, `requested` is called when the request was made. */
export class ChosenGrid {
  constructor(choice, { overlap, requested }) {
    Object.assign(this, { choice, overlap, requested });
    this.tiles = [];
    this.dropped = new Set();
    this.settled = 0;
    this.request = uuid(); // one for all tries, so that a repeated press asks once
    this.words = h("p", { class: "wb-hint" });
    this.ask = h("button", { class: "wb-main", type: "button", onclick: () => this.send() });
    this.error = alertBox();
    this.detail = h("p", { class: "rq-detail", "aria-live": "polite" });
    this.list = h("div", { class: "rq-tiles", role: "group", "aria-label": "Chosen pictures" });
    this.list.addEventListener("keydown", (event) => this.key(event));
    this.list.addEventListener("focusin", (event) => this.describe(event.target));
    this.list.addEventListener("pointerover", (event) => this.describe(event.target.closest("button")));
    this.next = h("button", { type: "button", onclick: () => this.more() });
    const head = h("header", { class: "rq-head" }, h("div", {}, h("h2", {}, this.title()), this.words), this.ask);
    this.element = h("div", { class: "rq-chosen" }, head, this.error, this.list, this.next, this.detail);
    this.update();
  }

  title() {
    const { strategy, count: chosen, free, parameters, seconds } = this.choice;
    const set = Object.entries(parameters).map(([name, value]) => `${name.replaceAll("_", " ")} ${value}`);
    const words = `${strategy}${set.length ? ` (${set.join(", ")})` : ""} chose ${chosen.toLocaleString("en")} of ${count(free, "picture")}`;
    return seconds < 1 ? words : `${words} in ${Math.round(seconds)} s`;
  }

  /** Fetch and show the next pictures. */
  async more() {
    this.next.disabled = true;
    try {
      const path = `api/choice/${this.choice.uuid}/images?after=${this.tiles.length}&limit=${PAGE}`;
      const { images } = await api.get(path);
      const fresh = images.map((item) => this.tile(item));
      this.list.append(...fresh.map((tile) => tile.element));
      if (this.tiles.length === 0) fresh[0]?.element.setAttribute("tabindex", "0");
      this.tiles.push(...fresh);
      this.settled = this.tiles.filter((tile) => tile.item.settled).length;
    } catch (error) {
      this.error.textContent = error.message;
    }
    this.next.disabled = false;
    this.update();
  }

  tile(item) {
    const score = item.score === null ? "" : numberWords(item.score);
    const element = h(
      "button",
      {
        class: "rq-tile",
        type: "button",
        tabindex: "-1",
        "aria-pressed": "false",
        disabled: item.settled !== null,
        onclick: () => this.toggle(tile),
      },
      h("img", { class: "wb-thumb", src: item.thumb, alt: "", loading: "lazy", draggable: "false" }),
      h("span", { class: "rq-rank" }, h("b", {}, `${item.rank}`), score),
      h("span", { class: "rq-why" }, item.settled ?? item.reason ?? ""),
    );
    const tile = { item, element };
    this.name(tile);
    return tile;
  }

  name({ item, element }) {
    const state = item.settled ?? (this.dropped.has(item.image) ? "dropped" : "is asked for");
    element.setAttribute("aria-label", `${item.rank}, ${item.file}: ${item.reason ?? ""}; ${state}`);
  }

  toggle(tile) {
    const { image } = tile.item;
    const drop = !this.dropped.has(image);
    if (drop) this.dropped.add(image);
    else this.dropped.delete(image);
    tile.element.setAttribute("aria-pressed", String(drop));
    this.name(tile);
    this.update();
  }

  key(event) {
    const at = this.tiles.findIndex((tile) => tile.element === document.activeElement);
    if (at < 0) return;
    const step = arrowStep(this.list, event.key);
    if (!step) return;
    event.preventDefault();
    let to = at + step;
    while (this.tiles[to]?.element.disabled) to += Math.sign(step);
    if (!this.tiles[to]) return;
    this.tiles[at].element.setAttribute("tabindex", "-1");
    this.tiles[to].element.setAttribute("tabindex", "0");
    this.tiles[to].element.focus();
  }

  describe(element) {
    const item = this.tiles.find((tile) => tile.element === element)?.item;
    if (!item) return;
    const score = item.score === null ? "" : ` · score ${numberWords(item.score)}`;
    this.detail.textContent = `${item.rank}. ${item.file}${score} · ${item.settled ?? item.reason ?? ""}`;
  }

  update() {
    const left = this.choice.count - this.settled - this.dropped.size;
    const hidden = this.choice.count - this.tiles.length;
    this.next.hidden = hidden <= 0;
    this.next.textContent = `Show ${Math.min(PAGE, hidden).toLocaleString("en")} more`;
    this.ask.textContent = `Request ${count(left, "label")}`;
    this.ask.disabled = left <= 0;
    const dropped = this.dropped.size ? ` ${count(this.dropped.size, "picture")} dropped.` : "";
    this.words.textContent =
      this.settled > 0 && left <= 0
        ? "All of these are asked for or answered by now."
        : `Click a picture to leave it out.${dropped}`;
  }

  async send() {
    this.ask.disabled = true;
    this.error.textContent = "";
    try {
      const body = { uuid: this.request, choice: this.choice.uuid, drop: [...this.dropped], overlap: this.overlap() };
      const made = await api.post("api/choice/request", body);
      this.done(made);
      this.requested();
    } catch (error) {
      this.error.textContent = error.message;
      this.ask.disabled = false;
    }
  }

  done({ items, left_out: leftOut }) {
    const others = Object.entries(leftOut).map(([why, number]) => `${number} ${why}`);
    const tail = others.length ? ` Left out: ${others.join(", ")}.` : "";
    fill(
      this.words,
      `${count(items, "picture")} ${items === 1 ? "is" : "are"} asked for.${tail} `,
      h("a", { href: api.BASE }, "Label them now"),
    );
    for (const { element } of this.tiles) element.disabled = true;
    this.ask.hidden = true;
    this.words.setAttribute("role", "status");
  }
}
