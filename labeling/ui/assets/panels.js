// What surrounds the picture: progress, the model's guesses, why it was asked for, the filmstrip, the chip, messages.

import { fill, h, keycap, percent } from "./dom.js";

/** How far the work has come, in one line. */
export class ProgressLine {
  constructor() {
    this.bar = h("i");
    this.words = h("span", { class: "wb-words" });
    this.extra = h("span", { class: "wb-wide" });
    this.element = h(
      "div",
      { class: "wb-progress", "aria-label": "Progress" },
      h("div", { class: "wb-meter", "aria-hidden": "true" }, this.bar),
      this.words,
      this.extra,
    );
  }

  /** Show numbers of answers given and left of all that was asked for, and the person's images an hour (null at the start). */
  update({ done, left, perHour }) {
    const total = done + left;
    this.bar.style.transform = `scaleX(${total ? done / total : 0})`;
    if (total === 0) fill(this.words, "Nothing asked for yet");
    else fill(this.words, number(done), " done, ", left === 0 ? "nothing" : number(left), " left");
    const hours = perHour ? left / perHour : 0;
    const time = hours >= 1.5 ? `${Math.round(hours)} h` : `${Math.max(1, Math.round(hours * 60))} min`;
    fill(this.extra, perHour ? `${perHour.toLocaleString("en")} an hour${left ? `, about ${time} to go` : ""}` : "");
  }
}

function number(value) {
  return h("strong", {}, value.toLocaleString("en"));
}

/** The chip that says whether what was decided is stored. */
export class Chip {
  constructor(onclick) {
    this.words = h("span", { role: "status" }, "Saved");
    this.element = h("button", { class: "wb-chip", type: "button", dataset: { state: "saved" }, onclick }, this.words);
  }

  /** Show the state of an outbox. */
  update(outbox) {
    const words = {
      saved: "Saved",
      pending: `${outbox.size} saving`,
      offline: `Offline, ${outbox.size} kept here`,
      blocked: `${outbox.size} not stored yet`,
    };
    this.element.dataset.state = outbox.state;
    this.element.title = outbox.problem || "Everything you decided is stored on the server.";
    this.words.textContent = words[outbox.state] + (outbox.volatile && outbox.size ? " (until you reload)" : "");
  }
}

/** The model's first three guesses as buttons. */
export function guessButtons(guesses, { nameOf, keyOf, guessKey, choose }) {
  return guesses.slice(0, 3).map((guess, place) => {
    const key = place === 0 ? guessKey : keyOf(guess.class);
    const name = nameOf(guess.class);
    return h(
      "button",
      { class: "wb-class wb-guess", type: "button", title: name, onclick: (event) => choose(guess.class, event) },
      h("i", { "aria-hidden": "true", style: { transform: `scaleX(${guess.probability ?? 0})` } }),
      key && keycap(key),
      h("span", {}, name),
      h("small", {}, percent(guess.probability)),
    );
  });
}

/** Why an image was asked for: strategy, score, reason and the nearest labeled images. */
export function whyPanel(item, nameOf) {
  const { why } = item;
  if (item.purpose === "control" || item.blind) {
    return h(
      "p",
      {},
      "Drawn at random for the control sample. It measures the model and is never trained on, so the model's guess is hidden.",
    );
  }
  if (!why) return h("p", {}, "Nobody asked for this image in particular.");
  const score = why.score == null ? null : [", score ", h("b", {}, Number(why.score).toPrecision(3))];
  const near = (why.neighbours ?? []).map((neighbour) =>
    h(
      "figure",
      {},
      h("img", { class: "wb-thumb", src: neighbour.thumb, alt: "", loading: "lazy" }),
      h("figcaption", { title: nameOf(neighbour.class) }, nameOf(neighbour.class)),
    ),
  );
  return [
    h("p", {}, "Asked for by ", h("b", {}, why.strategy || "hand"), score, why.reason ? `: ${why.reason}` : ""),
    near.length > 0 && h("p", {}, "Nearest labeled images"),
    near.length > 0 && h("div", { class: "wb-neighbours" }, near),
  ];
}

/** The last five images with what was said of them, the present one, and the next five. */
export class Filmstrip {
  constructor() {
    this.cells = new Map();
    this.element = h("footer", { class: "wb-film", "aria-label": "Last and next images" });
  }

  /** Show acts done and items to come; cells stay in place where they can, so that nothing flickers. */
  update(done, items, describe) {
    const past = done
      .filter((act) => !/flag/.test(act.kind) && act.items.length > 0)
      .slice(-5)
      .map((act) => ({ item: act.items.at(-1), place: "past", words: describe(act) }));
    const coming = items.slice(0, 6).map((item, place) => ({ item, place: place ? "next" : "current", words: "" }));
    const shown = new Map();
    for (const { item, place, words } of [...past, ...coming]) {
      if (shown.has(item.image)) continue;
      const cell = this.cells.get(item.image) ?? this._cell(item);
      cell.dataset.place = place;
      cell.lastChild.textContent = words || " ";
      cell.title = words ? `${item.file}: ${words}` : item.file; // whole where the caption is cut
      shown.set(item.image, cell);
    }
    this.cells = shown;
    this.element.replaceChildren(...shown.values());
  }

  _cell(item) {
    const image = h("img", { class: "wb-thumb", src: item.thumb, alt: "", draggable: "false" });
    return h("figure", {}, image, h("figcaption"));
  }
}

/** Messages at the corner that stay until they are read. */
export class Messages {
  constructor() {
    this.element = h("div", { class: "wb-messages", role: "alert" });
    this.shown = new Map();
  }

  /** Say something once; `topic` replaces an earlier message of the same topic. */
  say(topic, text, { bad = false } = {}) {
    this.clear(topic);
    const message = h(
      "div",
      { class: bad ? "wb-message wb-bad" : "wb-message" },
      h("span", {}, text),
      h("button", { class: "wb-quiet", "aria-label": "Close this message", onclick: () => this.clear(topic) }, "✕"),
    );
    this.shown.set(topic, message);
    this.element.append(message);
  }

  /** Take a message away. */
  clear(topic) {
    this.shown.get(topic)?.remove();
    this.shown.delete(topic);
  }
}
