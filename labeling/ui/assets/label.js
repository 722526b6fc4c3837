// The Label page: a press decides the painted picture, the next one is painted from memory, then all else follows.

import * as api from "./api.js";
import { newClass, searchClasses } from "./classes.js";
import { dialogIsOpen } from "./dialog.js";
import { h, isTyping } from "./dom.js";
import { Grid } from "./grid.js";
import { showKeys } from "./help.js";
import { Learning } from "./learning.js";
import { LabelView, saidBefore } from "./labelview.js";
import { emptyNotice, lostNotice } from "./notices.js";
import { Outbox } from "./outbox.js";
import { clientName, loadClasses, whoAmI } from "./page.js";
import { Pictures } from "./pictures.js";
import { Session } from "./session.js";
import { Tally } from "./tally.js";
import { Vocabulary } from "./vocabulary.js";

const PAN = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] };
const OF_ONE = ["skip", "reject", "flag", "new_class"]; // what is said of the painted picture, which the grid hides
const ASK_PROGRESS = 8_000; // milliseconds between questions how far the work is, and whether classes changed
const NOTICE = 300; // milliseconds one needs to see that a guess is another one
const ASK_PICTURE = 1_500; // milliseconds before a picture that did not arrive is asked for again

/** Build the page inside `host` and start it. */
export async function mount(host) {
  const person = await whoAmI(host);
  const [{ classes, version }, settings, progress] = await Promise.all([
    loadClasses(),
    api.get("api/settings"),
    api.get("api/progress"),
  ]);
  const page = new LabelPage(host, { person, classes, version, settings, progress });
  await page.start();
}

class LabelPage {
  constructor(host, { person, classes, version, settings, progress }) {
    this.host = host;
    this.person = person;
    this.settings = settings;
    this.client = clientName();
    this.tally = new Tally();
    this.outbox = new Outbox(`${progress.project_id}:${person.id}`, (events) =>
      api.sendEvents(this.client, events, (answer) => this.learning.heard(answer.fitted)),
    );
    this.view = new LabelView(host, {
      act: (meaning, event) => this.press(meaning, event),
      flush: () => this.outbox.flush(),
    });
    this.stage = this.view.stage;
    this.session = new Session({
      api,
      client: this.client,
      outbox: this.outbox,
      changed: () => this.followQueue(),
      acted: (act, sign) => this.tally.count(act, sign), // shown after the next picture is painted
      say: (...message) => this.view.messages.say(...message),
    });
    this.learning = new Learning({ api, session: this.session, fitted: progress.fitted, changed: () => this.reguess() });
    this.pictures = new Pictures(
      api.fetchPicture,
      () => this.stage.size,
      (item) => item === this.session.current && this.paint(),
    );
    this.vocabulary = new Vocabulary({
      classes,
      version,
      settings,
      changed: () => this.view.keys(this.keymap, this.tally.classes),
      told: () => this.view.tell("Somebody changed the classes: look at their keys."),
    });
    ({ keymap: this.keymap, nameOf: this.nameOf } = this.vocabulary);
    this.gridView = new Grid({
      api,
      client: this.client,
      session: this.session,
      nameOf: this.nameOf,
      ask: (choose) => searchClasses(this.host, this.vocabulary.classes, { choose }),
      close: () => this.showSingle(),
      refuse: (why) => this.refuse(why),
    });
    this.view.single.after(this.gridView.element);
    this.tally.set(progress);
    this.view.keys(this.keymap, this.tally.classes);
    this.showTally();
  }

  async start() {
    this.outbox.on("state", () => this.followOutbox());
    this.view.chip.update(this.outbox);
    document.addEventListener("keydown", (event) => this.key(event));
    window.addEventListener("pagehide", () => this.leave());
    this.stage.say(h("p", {}, "Fetching images…"));
    await this.outbox.flush();
    await this.session.refill({ force: true });
    setInterval(() => this.askProgress(), ASK_PROGRESS);
    document.addEventListener("visibilitychange", () => this.askProgress());
  }

  /** Give the images back, but for those whose decisions still wait in the outbox. */
  leave() {
    api.releaseOnLeaving(this.client, this.outbox.size > 0 ? this.session.leases() : null);
  }

  // ---- presses -------------------------------------------------------------------------------------------------

  key(event) {
    if (!this.host.isConnected || dialogIsOpen() || isTyping(event)) return;
    const key = this.keymap.keyOf(event);
    if (key === null || this.buttonTakes(event)) return;
    const meaning = this.keymap.read(key);
    if (!this.gridView.element.hidden && this.gridView.key(key, event, meaning)) return event.preventDefault();
    if (PAN[key] && this.stage.zoomed) this.stage.move(...PAN[key]);
    else if (!meaning) return;
    else if (event.repeat) this.refuse("The key is held down: one press, one image.");
    else this.press(meaning, event);
    event.preventDefault();
  }

  /** Enter and Space belong to the button or link that has the focus; held down, they press it once. */
  buttonTakes(event) {
    const focused = document.activeElement?.closest?.("button:not(.wb-tile), a, summary");
    if (!focused || !["Enter", " "].includes(event.key)) return false;
    if (event.repeat) event.preventDefault();
    return true;
  }

  press(meaning, event) {
    if (OF_ONE.includes(meaning.action) && !this.gridView.element.hidden)
      this.refuse("That key belongs to one picture at a time.");
    else if (meaning.class !== undefined) this.decide("label", meaning.class, event);
    else if (["skip", "reject"].includes(meaning.action)) this.decide(meaning.action, null, event);
    else this[meaning.action](event);
  }

  refuse(why) {
    this.view.refuse(why);
  }

  /** Whether a press belongs to a picture on the screen; refused visibly where it does not. */
  belongs(event, kind) {
    const item = this.session.current;
    const painted = item && this.stage.painted !== null && this.stage.image === item.image;
    if (!painted && kind === "skip" && item && this.pictures.get(item)?.error) return true; // the way past a lost picture
    if (painted && !(event?.timeStamp < this.stage.painted)) return true;
    this.refuse(
      painted
        ? "That press came before this picture: it was not taken."
        : "There is no picture yet: that press was not taken.",
    );
    return false;
  }

  decide(kind, cls, event) {
    if (!this.gridView.element.hidden || !this.belongs(event, kind)) return;
    this.session.decide(kind, cls);
    this.paint();
    if (kind === "label") this.view.list.hit(cls);
  }

  first_guess(event) {
    const guess = this.session.current?.guesses?.[0];
    if (event?.timeStamp < this.reguessed + NOTICE) this.refuse("The model's guess has just changed: look again.");
    else if (guess) this.decide("label", guess.class, event);
    else this.refuse("The model has no guess for this image.");
  }

  flag(event) {
    if (!this.belongs(event, "flag")) return;
    this.session.flag();
    this.surround();
  }

  async undo() {
    try {
      const act = await this.session.undo();
      if (!act) return this.refuse("There is nothing to undo.");
      if (act.kind === "grid") this.showGrid(act);
      else this.showSingle();
      this.tell("Undone", act);
    } catch (error) {
      this.refuse(error.message);
    }
  }

  async redo() {
    try {
      const act = await this.session.redo();
      if (!act) return this.refuse("There is nothing to redo.");
      if (act.kind === "grid" && !this.gridView.element.hidden) this.gridView.next();
      else this.showSingle();
      this.tell("Done again", act);
    } catch (error) {
      this.refuse(error.message);
    }
  }

  /** Say what became of an act of an earlier page, which nobody sees here. */
  tell(done, act) {
    if (!act.said) return;
    this.view.tell(`${done}: ${saidBefore(act, this.session.current)}.`);
    this.askProgress();
  }

  grid() {
    if (this.gridView.element.hidden) this.showGrid();
    else this.showSingle();
  }

  zoom() {
    this.stage.toggleZoom();
    this.surround();
  }

  contrast() {
    this.stage.toggleContrast();
    this.surround();
  }

  why() {
    this.settings.display = { ...this.settings.display, why: this.settings.display?.why === false };
    this.surround();
    api.put("api/settings", this.settings).catch((error) => this.refuse(error.message));
  }

  help() {
    showKeys(this.host, this.keymap, (target, key) => this.vocabulary.assign(target, key));
  }

  search(event) {
    const item = this.session.current;
    const { classes } = this.vocabulary;
    const decide = (id) => item === this.session.current && this.decide("label", id, null);
    const create = (name) => this.new_class(null, name);
    if (this.belongs(event, "search")) searchClasses(this.host, classes, { choose: decide, create });
  }

  /** Name a class and label the picture with it, whether the class is new or was there. */
  new_class(event, name = "") {
    const item = this.session.current;
    const create = async (typed) => {
      const cls = await this.vocabulary.named(typed);
      if (item && item === this.session.current && this.stage.painted !== null) this.decide("label", cls, null);
    };
    newClass(this.host, create, name);
  }

  // ---- views ---------------------------------------------------------------------------------------------------

  /** Paint the current picture if it is in memory; everything else waits until it is on the screen. */
  paint() {
    const item = this.session.current;
    const picture = item && this.pictures.get(item);
    if (picture?.bitmap) this.stage.show(picture, item.file, item.image);
    else this.stage.say(this.absence(item, picture));
    this.view.guess(item, this.nameOf);
    requestAnimationFrame(() => setTimeout(() => this.afterPaint(), 0));
  }

  afterPaint() {
    this.pictures.want(this.session.queue);
    this.surround();
    this.showTally();
  }

  surround() {
    this.view.surround(this.session, this.nameOf, { why: this.settings.display?.why !== false });
  }

  /** Show newer guesses; a press that meant the one before must not take the new one. */
  reguess() {
    const [item, before] = [this.session.current, this.view.guessed];
    this.view.guess(item, this.nameOf);
    if (this.view.guessed !== before) this.reguessed = performance.now();
  }

  /** Words for when there is no picture. */
  absence(item, picture) {
    if (item && !picture) return h("p", {}, "The picture is on its way…");
    const ways = { again: () => this.session.refill({ force: true }), bring: () => this.session.bring() };
    if (!item) return emptyNotice(this.session, this.person.role, this.outbox.size, ways);
    const retry = () => this.pictures.retry(item);
    if (picture.error.offline) setTimeout(retry, ASK_PICTURE);
    return lostNotice(item, picture.error, { retry, skip: (event) => this.press({ action: "skip" }, event) });
  }

  showSingle() {
    const back = !this.gridView.element.hidden;
    if (back) this.gridView.hide();
    this.view.single.hidden = false;
    this.paint();
    if (back) this.session.refill();
  }

  /** Open the grid, or with an act that was undone show its page again. */
  showGrid(act = null) {
    this.view.single.hidden = true;
    this.showTally();
    if (!act) return this.gridView.open();
    this.gridView.release();
    this.gridView.show(act.items, act.class, act.classes);
    return null;
  }

  // ---- what changes by itself ----------------------------------------------------------------------------------

  followQueue() {
    const current = this.session.current;
    if (!current || this.stage.image !== current.image) this.paint();
    else this.afterPaint();
  }

  followOutbox() {
    const { state } = this.outbox;
    this.view.chip.update(this.outbox);
    if (state === "blocked") this.view.messages.say("outbox", this.outbox.problem, { bad: true });
    else this.view.messages.clear("outbox");
    if (state !== "saved") return;
    if (this.session.state === "offline") this.session.refill({ force: true });
    clearTimeout(this.asking);
    this.asking = setTimeout(() => this.askProgress(), 700);
  }

  /** Ask the server how far the work is; an answer that does not know the latest presses yet is left out. */
  async askProgress() {
    if (this.outbox.size > 0 || document.hidden) return;
    const acts = this.session.acts.length;
    const progress = await api.get("api/progress").catch(() => null);
    if (progress) this.vocabulary.heard(progress.classes_version).catch(() => {}); // asked again with the next answer
    if (progress && this.outbox.size === 0 && acts === this.session.acts.length) this.setProgress(progress);
  }

  setProgress(progress) {
    this.learning.heard(progress.fitted);
    this.tally.set(progress);
    this.showTally();
  }

  showTally() {
    this.view.progress.update(this.tally);
    this.view.list.count(this.tally.classes);
  }
}
