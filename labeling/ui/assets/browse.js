// The Browse page: all images a page at a time, filtered; choose one and press a class key to correct its label.

import * as api from "./api.js";
import { ClassList, searchClasses } from "./classes.js";
import { Corrections } from "./corrections.js";
import { dialogIsOpen } from "./dialog.js";
import { buttonTakes, fill, h, isTyping, keycap, tooSoon, uuid } from "./dom.js";
import { DisputePanel } from "./dispute.js";
import { Filters } from "./filters.js";
import { Gallery } from "./gallery.js";
import { Inspector, OTHERS } from "./inspector.js";
import { KeyMemory } from "./keymemory.js";
import { Keymap } from "./keys.js";
import { Outbox } from "./outbox.js";
import { clientName, labelWords, loadClasses, whoAmI } from "./page.js";
import { Pager } from "./pager.js";
import { Chip, Messages } from "./panels.js";
import { SuspectPanel } from "./suspect.js";
import { isAdmin } from "./who.js";

const PAGE = 60;
const ANSWERS = ["first_guess", "reject", "flag"];

/** Build the page inside `host` and start it. */
export async function mount(host) {
  const person = await whoAmI(host);
  const [{ classes, nameOf: nameNow }, settings, progress, { people }, { requests }, whole] = await Promise.all([
    loadClasses(),
    api.get("api/settings"),
    api.get("api/progress"),
    api.get("api/people"),
    api.get("api/requests"),
    api.get("api/dataset/classes"),
  ]);
  const merged = new Map(whole.classes.flatMap((cls) => cls.merged.map(({ id, name }) => [id, name])));
  const nameOf = (id) => merged.get(id) ?? nameNow(id); // what was said before a merge still reads as it was said
  const page = new BrowsePage(host, { person, classes, nameOf, settings, progress, people, requests });
  await page.open();
}

class BrowsePage {
  constructor(host, { person, classes, nameOf, settings, progress, people, requests }) {
    Object.assign(this, { host, person, classes, nameOf });
    this.memory = new KeyMemory(`${progress.project_id}:${person.id}`); // a key means here what it means on Label
    this.keymap = new Keymap(settings.keys, classes, this.memory.meant);
    this.memory.learn(this.keymap, nameOf);
    this.wentOn = { tile: null, when: 0 }; // what was chosen by itself
    const client = clientName();
    this.outbox = new Outbox(`${progress.project_id}:${person.id}`, (events) => api.sendEvents(client, events));
    this.corrections = new Corrections({ outbox: this.outbox, show: (image, known) => this.update(image, known) });
    this.build({ people, requests });
    this.outbox.on("state", (outbox) => this.chip.update(outbox));
    this.outbox.on("result", (event, result) => this.heard(event, result));
    this.outbox.flush();
    document.addEventListener("keydown", (event) => this.key(event));
  }

  build({ people, requests }) {
    this.messages = new Messages();
    this.chip = new Chip(() => this.outbox.flush());
    this.chip.update(this.outbox);
    this.filters = new Filters({ classes: this.classes, people, requests, changed: () => this.pager.restart() });
    const strange = this.filters.strange.map(([name, value]) => `${name}=${value}`).join(", ");
    if (strange) this.messages.say("filters", `Filters of this link that mean nothing here are left out: ${strange}`);
    this.gallery = new Gallery({ nameOf: this.nameOf, chose: (tile) => this.inspect(tile) });
    this.pager = new Pager(PAGE, () => this.open());
    const space = h("span", { class: "wb-space" });
    const pager = h("footer", { class: "wb-pager" }, this.pager.elements, space, this.chip.element);
    const noClass = () => "they are made on Project, or on Label with the first picture of one.";
    const classList = new ClassList((cls) => this.relabel("label", cls), noClass);
    classList.update(this.classes, this.keymap);
    const tool = (text, onclick, { action = null, style = "", title = null } = {}) =>
      h(
        "button",
        { class: style, type: "button", title, onclick },
        text,
        action && keycap(this.keymap.byAction.get(action)),
      );
    const tools = [
      tool("None", () => this.relabel("reject"), { action: "reject" }),
      tool("Flag", () => this.flag(), { action: "flag" }),
      tool("Undo", () => this.undo(), { action: "undo" }),
      tool("Send back", () => this.sendBack(), {
        style: "wb-admins",
        title: "Void all answers to it; where it was asked for, it is asked for again",
      }),
    ];
    const search = tool("Search", () => this.search(), { action: "search", style: "wb-quiet" });
    const mayChange = (image) => this.mayChange(image);
    const settle = (kind, cls) => this.relabel(kind, cls);
    const common = { nameOf: this.nameOf, keymap: this.keymap, settle, mayChange };
    const panels = [new SuspectPanel(common), new DisputePanel(common)];
    const close = () => this.gallery.choose(-1);
    this.inspector = new Inspector({ nameOf: this.nameOf, classList, panels, search, tools, close, mayChange });
    fill(
      this.host,
      h("div", { class: "wb-browse" }, this.filters.element, this.gallery.element, pager, this.inspector.element),
      this.messages.element,
    );
  }

  get chosen() {
    return this.gallery.chosen;
  }

  /** Open the page whose cursor is on top; an answer to an older question is dropped. */
  async open() {
    const question = (this.question = Symbol("question"));
    const query = new URLSearchParams(this.filters.values);
    query.set("limit", PAGE);
    if (this.pager.cursor) query.set("after", this.pager.cursor);
    try {
      await this.outbox.flush(); // so that what was said here is in the answer
      const page = await api.get(`api/images?${query}`);
      if (question !== this.question) return;
      this.pager.took(page.images.length, page);
      this.show(page.images);
    } catch (error) {
      if (question === this.question) this.gallery.say(error.message);
    }
  }

  show(images) {
    const suspect = this.filters.values.get("suspect") === "true";
    if (images.length > 0) this.gallery.show(images);
    else this.gallery.say(suspect ? "No label here looks wrong beside the others." : "No image passes these filters.", this.wayOut());
  }

  /** The button that takes the filters off, where any is on. */
  wayOut() {
    const on = this.filters.values.size > 0;
    return on && h("button", { type: "button", onclick: () => this.filters.clear() }, "Show all images");
  }

  inspect(tile) {
    this.forget();
    if (tile) this.inspector.show(tile.image);
    else this.inspector.clear();
  }

  key(event) {
    if (!this.host.isConnected || dialogIsOpen() || isTyping(event) || buttonTakes(event)) return;
    if (this.gallery.follow(event.key)) {
      event.preventDefault();
      return;
    }
    const key = this.keymap.keyOf(event);
    const meaning = this.keymap.read(key);
    const objection = this.memory.objection(key, meaning, this.nameOf, event.timeStamp);
    if (objection) this.messages.say("choose", objection);
    else if (key === "PageDown" || key === "PageUp") this.pager.turn(key === "PageDown" ? 1 : -1);
    else if (key === "Escape") this.gallery.choose(-1);
    else if (!meaning || event.repeat) return;
    else if ((meaning.class !== undefined || ANSWERS.includes(meaning.action)) && this.unseen(event))
      this.messages.say("choose", "That press came before you could see this image: it was not taken.");
    else if (meaning.action === "first_guess" && this.chosen?.image.suspect)
      this.relabel("label", this.chosen.image.suspect.class);
    else if (meaning.class !== undefined) this.relabel("label", meaning.class);
    else if (meaning.action === "reject") this.relabel("reject");
    else if (["flag", "undo", "redo", "search"].includes(meaning.action)) this[meaning.action]();
    else return;
    event.preventDefault();
  }

  /** Whether a press came before one could see what had been chosen by itself. */
  unseen(event) {
    const { tile, when } = this.wentOn;
    return tile && tile === this.chosen && (tooSoon(event, when) || !tile.picture.complete);
  }

  /** The chosen image that a press is about; where there is none, the page says so. */
  wanted() {
    if (this.chosen) this.forget();
    else this.messages.say("choose", "Choose an image first: click it, or go to it with the arrow keys.");
    return this.chosen?.image;
  }

  /** Take away what was said of the press before: whoever goes on has read it. */
  forget() {
    for (const topic of ["choose", "undo"]) this.messages.clear(topic);
  }

  /** Whether whoever is here may say what an image is: others' labels are changed by admins. */
  mayChange({ label, answered_by: by }) {
    return isAdmin() || label.event === null || by === this.person.id;
  }

  /**
   * Correct the chosen image. The label that is shown is replaced, and no other: the server refuses where somebody
   * answered meanwhile. Unless it is my answer alone, this decides: as one more vote it would be a dispute. About a
   * suspect label an admin always decides, so that what is kept is not doubted again.
   */
  relabel(kind, cls = null) {
    const image = this.wanted();
    if (!image) return null;
    if (!this.mayChange(image)) return this.messages.say("choose", OTHERS);
    const suspect = image.suspect !== null;
    const disputed = image.label.state === "disputed"; // before this decides
    const decides = isAdmin() && (suspect || (image.label.event !== null && image.answered_by !== this.person.id));
    const source = suspect && decides ? "review" : "browse";
    const event = { uuid: uuid(), kind: decides ? "confirm" : kind, image: image.image, source };
    if (kind === "label") event.class = cls;
    event.replaces = image.label.event ?? 0;
    const label = { state: kind === "reject" ? "rejected" : "labeled", class: cls, event: event.uuid };
    const answered = decides ? null : this.person.id;
    this.corrections.act(event, image, { label, answered_by: answered, suspect: null });
    const { values } = this.filters;
    if (suspect && values.get("suspect") === "true") this.goToNext("suspect labels", (other) => other.suspect);
    else if (values.get("state") === "disputed" && disputed)
      this.goToNext("disputed images", (other) => other.label.state === "disputed");
    return null;
  }

  /** Choose the next image of this page to settle; where all are settled none, so that a key more changes no label. */
  goToNext(what, isOpen) {
    this.gallery.chooseNext(isOpen);
    this.wentOn = { tile: this.chosen, when: performance.now() };
    if (this.chosen) return;
    const more = this.pager.next ? " Next shows more." : "";
    this.messages.say("choose", `The ${what} of this page are settled.${more}`);
  }

  sendBack() {
    const image = this.wanted();
    if (!image) return;
    if (image.label.event === null) {
      this.messages.say("choose", "Nobody has answered it, so there is nothing to send back.");
      return;
    }
    const event = { uuid: uuid(), kind: "send-back", image: image.image, source: "browse" };
    event.replaces = image.label.event;
    const label = { state: "none", class: null, event: null };
    this.corrections.act(event, image, { label, answered_by: null, suspect: null });
  }

  flag() {
    const image = this.wanted();
    if (!image) return;
    const event = { uuid: uuid(), kind: image.flagged ? "unflag" : "flag", image: image.image };
    this.corrections.act(event, image, { flagged: !image.flagged });
  }

  undo() {
    const act = this.corrections.undo();
    if (act) return this.gallery.goTo(act.image);
    return this.messages.say(
      "undo",
      "Nothing was changed here yet, so there is nothing to undo. Undo on the Label page takes back what was given there.",
    );
  }

  redo() {
    const act = this.corrections.redo();
    if (act) return this.gallery.goTo(act.image);
    return this.messages.say("undo", "There is nothing to redo.");
  }

  search() {
    if (this.wanted()) searchClasses(this.host, this.classes, { choose: (id) => this.relabel("label", id) });
  }

  /** Show what is known of an image if it is on this page. */
  update(image, known) {
    const tile = this.gallery.update(image, known);
    if (tile && tile === this.chosen) this.inspector.label(tile.image);
  }

  /** Show an image as the server has it. */
  async reread(image) {
    try {
      const { label, answered_by, flagged, suspect } = await api.get(`api/images/${image}`);
      if (!this.corrections.busy(image)) this.update(image, { label, answered_by, flagged, suspect });
    } catch (error) {
      this.messages.say("undo", error.message, { bad: true });
    }
  }

  /** Say what the server did with an event. */
  heard(event, result) {
    const { act, image, stored } = this.corrections.heard(event, result);
    if (event.undoes && stored) this.sayTurned(event, act);
    else if (event.undoes) this.sayNotTurned(event, act, result);
    else if (!stored) this.sayNotStored(image, result);
    if (image && (!stored || event.undoes)) this.reread(image);
    if (this.chosen?.image.image === image) this.inspector.show(this.chosen.image);
  }

  sayTurned({ kind }, act) {
    if (!act) return; // of an earlier page
    const { label, flagged } = act.after;
    const what = label ? labelWords(label, this.nameOf) : flagged ? "flagged" : "flag off";
    this.messages.say("undo", `${kind === "undo" ? "Taken back" : "Done again"}: ${what} · ${act.file}`);
  }

  sayNotTurned({ kind }, act, { message }) {
    if (!act || act.lost) return; // that it was not stored is said already
    this.messages.say("undo", `Not ${kind === "undo" ? "taken back" : "done again"}: ${message}.`, { bad: true });
  }

  sayNotStored(image, { status, message }) {
    const why = status === "conflict" ? "somebody changed this label meanwhile. Look at it again." : message;
    this.messages.say(`event ${image}`, `Not stored: ${why}`, { bad: true });
  }
}
