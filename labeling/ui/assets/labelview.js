// What the Label page looks like: builds its parts and shows in them what it is told.

import { ClassList } from "./classes.js";
import { count, fill, h, keycap } from "./dom.js";
import { ACTIONS } from "./keys.js";
import { labelWords } from "./page.js";
import { Chip, Filmstrip, guessButtons, Messages, ProgressLine, whyPanel } from "./panels.js";
import { Stage } from "./stage.js";

const TOOLS = ["undo", "redo", "grid", "zoom", "contrast", "help"];
const OTHERWISE = ["skip", "reject", "flag"]; // answers that are no class
const MORE = ["redo", "grid", "zoom", "contrast", "help", "new_class"]; // a phone's, above its classes: undo is large there
const TOUCH = ["undo", "skip", "reject", "flag", "search"]; // large buttons, on phones only

/** The parts of the page; `act(meaning, event)` is called for every button. */
export class LabelView {
  constructor(host, { act, flush }) {
    this.host = host;
    this.act = act;
    this.stage = new Stage(() => this.act({ action: "zoom" }));
    this.name = h("div", { class: "wb-name", hidden: true });
    this.stage.element.append(this.name);
    this.progress = new ProgressLine();
    this.chip = new Chip(flush);
    this.list = new ClassList(
      (cls, event) => this._click(event, { class: cls }),
      () => ["name what you see, and the picture gets it as its label.", this._tool("new_class", "wb-main", "Name a class")],
    );
    this.film = new Filmstrip();
    this.messages = new Messages();
    this.guesses = h("div", { class: "wb-classes wb-guesses" });
    this.why = h("div", { class: "wb-why" });
    this.tools = h("div", { class: "wb-tools" });
    this.more = h("div", { class: "wb-tools wb-more" });
    this.otherwise = h("div", { class: "wb-otherwise" });
    this.touch = h("nav", { class: "wb-touch", "aria-label": "Actions" });
    this.classTools = h("span");
    this.guessPart = part("The model's guess", this.guesses);
    this.whyPart = part("Why this image", this.why);
    const side = h(
      "aside",
      { class: "wb-side" },
      this.more,
      part("Classes", this.list.element, this.classTools),
      this.otherwise,
      this.guessPart, // below: classes stay where they are when guesses come
      this.whyPart,
    );
    this.single = h("div", { class: "wb-label" }, this.stage.element, side, this.film.element, this.touch);
    this.bar = h("header", { class: "wb-bar" }, this.progress.element, this.chip.element, this.tools);
    this.others = h("p", { class: "wb-hint wb-others", hidden: true });
    this.refusal = h("div", { class: "wb-refusal", role: "status" });
    fill(host, this.bar, this.others, this.single, this.messages.element, this.refusal);
  }

  /** Say in a quiet line what waits here of other people. */
  tellOfOthers(words) {
    this.others.textContent = words;
    this.others.hidden = words === "";
  }

  /** Say something for a moment. */
  tell(words) {
    this.refusal.textContent = words;
    this.refusal.classList.remove("wb-shown");
    void this.refusal.offsetWidth; // starts the animation anew
    this.refusal.classList.add("wb-shown");
  }

  /** Show classes in their places and the keys of everything. */
  keys(keymap, places, counts) {
    this.keymap = keymap;
    this.list.update(places, keymap);
    this.single.style.setProperty("--wb-rows", this.list.rows);
    this.list.count(counts);
    for (const [place, actions] of [[this.tools, TOOLS], [this.more, MORE]])
      fill(place, actions.map((id) => this._tool(id, "wb-quiet")));
    fill(
      this.otherwise,
      OTHERWISE.map((id) => this._tool(id, "")),
    );
    fill(
      this.touch,
      TOUCH.map((id) => this._tool(id, "")),
    );
    fill(this.classTools, this._tool("search", "wb-quiet"), this._tool("new_class", "wb-quiet"));
  }

  /** Show an item's guesses: before the next press may take the first of them. */
  guess(item, nameOf) {
    const guesses = item?.guesses ?? [];
    this.guessed = guesses[0]?.class;
    this.guessPart.hidden = guesses.length === 0;
    this.list.guess(guesses.slice(0, 3));
    const choose = (cls, event) => this._click(event, { class: cls });
    const keyOf = (cls) => this.keymap.byClass.get(cls);
    fill(
      this.guesses,
      guessButtons(guesses, { nameOf, keyOf, guessKey: this.keymap.byAction.get("first_guess"), choose }),
    );
  }

  /** Show what belongs to the picture but can wait for a frame: its name, why it is here, its neighbours in time. */
  surround(session, nameOf, { why }) {
    const item = session.current;
    this.name.hidden = !item || this.stage.painted === null;
    if (item) fill(this.name, item.flagged && h("b", {}, "⚑ Flagged "), item.file);
    this.whyPart.hidden = !why || !item;
    if (why && item) fill(this.why, whyPanel(item, nameOf));
    this.film.update(session.acts, session.queue, (act) => words(act, nameOf));
    for (const button of this.host.querySelectorAll("[data-action]")) this._press(button, item);
  }

  _press(button, item) {
    const pressed = { flag: item?.flagged, zoom: this.stage.zoomed, contrast: this.stage.stretched }[
      button.dataset.action
    ];
    if (pressed !== undefined) button.setAttribute("aria-pressed", String(Boolean(pressed)));
  }

  _tool(id, style, words = null) {
    const action = ACTIONS.find((entry) => entry.id === id);
    const key = this.keymap.byAction.get(id);
    const onclick = (event) => this._click(event, { action: id });
    return h(
      "button",
      { class: style, type: "button", title: `${action.text}${key ? ` (${keycap(key).textContent})` : ""}`, dataset: { action: id }, onclick },
      words ?? action.short,
      key && keycap(key),
    );
  }

  _click(event, meaning) {
    if (event.detail > 0) event.currentTarget.blur(); // pressed by mouse or finger: the keys stay with the page
    this.act(meaning, event);
  }
}

function part(title, content, tools = null) {
  return h("section", {}, h("header", {}, h("h2", {}, title), tools), content);
}

/** What became of an image whose answer was taken back while another one makes its label. */
export function newerStands({ file, label }, nameOf) {
  return `Your answer is taken back; ${file} stays “${labelWords(label, nameOf)}” by another answer.`;
}

/** What an act of an earlier page said, for somebody who has `current` before them; `label` is the image's now. */
export function saidBefore({ said, images, label }, current, nameOf) {
  const what = {
    label: "a label",
    reject: "“none of our classes”",
    skip: "a skip",
    flag: "a flag",
    unflag: "taking a flag off",
    confirm: "settling a disputed image",
    "send-back": "sending an image back",
  }[said];
  if (images.length > 1) return `${what}, of ${count(images.length, "image")}`;
  const of = images[0] === current?.image ? `${what}, of this image` : `${what}, of another image`;
  return label && label.state !== "none" && !/flag/.test(said) ? `${of}: it is “${labelWords(label, nameOf)}” again` : of;
}

/** What an act said, in a word or two. */
function words(act, nameOf) {
  if (act.kind === "label") return nameOf(act.class);
  if (act.kind === "grid") return `${act.items.length} × ${nameOf(act.class)}`;
  return { skip: "skipped", reject: "none", flag: "flagged", unflag: "flag off" }[act.kind] ?? "";
}
