// What presses do on the Label page: each belongs to the picture it was made on, or is refused visibly.

import * as api from "./api.js";
import { newClass, searchClasses } from "./classes.js";
import { dialogIsOpen } from "./dialog.js";
import { buttonTakes, isTyping, tooSoon } from "./dom.js";
import { showKeys } from "./help.js";
import { saidBefore } from "./labelview.js";

const PAN = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] };
const OF_ONE = ["skip", "reject", "flag", "new_class"]; // what is said of the painted picture, which the grid hides

/** Keys and buttons of the page; an action (keys.js) is the method of its name. */
export class Presses {
  /** `page` is the Label page with all its parts. */
  constructor(page) {
    this.page = page;
    const { host, settings, keymap, view, stage, session, pictures, vocabulary, gridView } = page;
    Object.assign(this, { host, settings, keymap, view, stage, session, pictures, vocabulary, gridView });
  }

  key(event) {
    if (!this.host.isConnected || dialogIsOpen() || isTyping(event)) return;
    const key = this.keymap.keyOf(event);
    if (key === null || buttonTakes(event)) return;
    const meaning = this.keymap.read(key);
    const objection = this.vocabulary.objection(key, meaning, event);
    if (objection) return event.preventDefault(), this.refuse(objection);
    if (!this.gridView.element.hidden && this.gridView.key(key, event, meaning)) return event.preventDefault();
    if (PAN[key] && this.stage.zoomed) this.stage.move(...PAN[key]);
    else if (!meaning) return;
    else if (event.repeat) this.refuse("The key is held down: one press, one image.");
    else this.press(meaning, event);
    event.preventDefault();
  }

  /** Do what a key or a button means. */
  press(meaning, event) {
    if (OF_ONE.includes(meaning.action) && !this.gridView.element.hidden)
      this.refuse("That key belongs to one picture at a time.");
    else if (meaning.class !== undefined) this.decide("label", meaning.class, event);
    else if (["skip", "reject"].includes(meaning.action)) this.decide(meaning.action, null, event);
    else this[meaning.action](event);
  }

  /** Refuse a press, visibly. */
  refuse(why) {
    this.view.tell(why);
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
    this.page.paint();
    if (kind === "label") this.view.list.hit(cls);
  }

  /** Label the picture that a dialog was opened on, which may have gone to others since. */
  decideOf(item, cls) {
    if (item === this.session.current) this.decide("label", cls, null);
    else this.refuse("The picture that you said this of is no longer here: it got no label.");
  }

  first_guess(event) {
    const guess = this.session.current?.guesses?.[0];
    if (tooSoon(event, this.page.reguessed)) this.refuse("The model's guess has just changed: look again.");
    else if (guess) this.decide("label", guess.class, event);
    else this.refuse("The model has no guess for this image.");
  }

  flag(event) {
    if (!this.belongs(event, "flag")) return;
    this.session.flag();
    this.page.surround();
  }

  async undo() {
    try {
      const act = await this.session.undo();
      if (!act) return this.refuse("There is nothing to undo.");
      if (act.kind === "grid") this.page.showGrid(act);
      else this.page.showSingle();
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
      else this.page.showSingle();
      this.tell("Done again", act);
    } catch (error) {
      this.refuse(error.message);
    }
  }

  /** Say what became of an act of an earlier page, which nobody sees here. */
  tell(done, act) {
    if (!act.said) return;
    this.view.tell(`${done}: ${saidBefore(act, this.session.current, this.vocabulary.nameOf)}.`);
    this.page.askProgress();
  }

  grid() {
    if (this.gridView.element.hidden) this.page.showGrid();
    else this.page.showSingle();
  }

  zoom() {
    this.stage.toggleZoom();
    this.page.surround();
  }

  contrast() {
    this.stage.toggleContrast();
    this.page.surround();
  }

  why() {
    this.settings.display = { ...this.settings.display, why: this.settings.display?.why === false };
    this.page.surround();
    const { display } = this.settings; // alone: the keys may be others by now
    api.put("api/settings", { display }).catch((error) => this.refuse(error.message));
  }

  help() {
    showKeys(this.host, this.keymap, (target, key) => this.vocabulary.assign(target, key));
  }

  search(event) {
    const item = this.session.current;
    const { classes } = this.vocabulary;
    const choose = (id) => this.decideOf(item, id);
    const create = (name) => this.new_class(null, name);
    const beside = this.stage.element;
    if (this.belongs(event, "search")) searchClasses(this.host, classes, { choose, create, beside });
  }

  /** Name a class and label the picture with it, whether the class is new or was there. */
  new_class(event, name = "") {
    const item = this.session.current;
    const create = async (typed) => {
      const cls = await this.vocabulary.named(typed);
      if (item) this.decideOf(item, cls);
    };
    newClass(this.host, create, { name, beside: this.stage.element });
  }
}
