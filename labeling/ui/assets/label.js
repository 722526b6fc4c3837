// The Label page: a press decides the painted picture, the next one is painted from memory, then all else follows.

import * as api from "./api.js";
import { searchClasses } from "./classes.js";
import { beforeDeparting } from "./departing.js";
import { h } from "./dom.js";
import { Grid } from "./grid.js";
import { Learning } from "./learning.js";
import { LabelView, newerStands } from "./labelview.js";
import { emptyNotice, lostNotice } from "./notices.js";
import { Outbox } from "./outbox.js";
import { clientName, loadClasses, whoAmI } from "./page.js";
import { Pictures } from "./pictures.js";
import { Presses } from "./presses.js";
import { Session } from "./session.js";
import { Tally } from "./tally.js";
import { othersUnsent } from "./unsent.js";
import { Vocabulary } from "./vocabulary.js";

const ASK_PROGRESS = 8_000; // milliseconds between questions how far the work is, and whether classes changed
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
  othersUnsent(progress.project_id, person.id).then((words) => page.view.tellOfOthers(words), () => {});
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
      act: (meaning, event) => this.presses.press(meaning, event),
      flush: () => this.outbox.flush(),
    });
    this.stage = this.view.stage;
    this.session = new Session({
      client: this.client,
      outbox: this.outbox,
      left: progress.left,
      changed: () => this.followQueue(),
      acted: (act, sign) => this.tally.count(act, sign), // shown after the next picture is painted
      rest: () => this.gridView.element.hidden || this.showSingle(),
      say: (...message) => this.view.messages.say(...message),
      stands: (item) => this.view.messages.say("undo", newerStands(item, this.nameOf)),
    });
    this.learning = new Learning({ session: this.session, fitted: progress.fitted, changed: () => this.reguess() });
    this.pictures = new Pictures(
      api.fetchPicture,
      () => this.stage.size,
      (item) => item === this.session.current && this.paint(),
    );
    this.vocabulary = new Vocabulary({
      owner: `${progress.project_id}:${person.id}`,
      classes,
      version,
      settings,
      changed: () => this.showClasses(),
      told: (words, lost) => this.tellOfClasses(`Classes changed: ${words}.`, lost),
    });
    ({ keymap: this.keymap, nameOf: this.nameOf } = this.vocabulary);
    this.gridView = new Grid({
      client: this.client,
      session: this.session,
      nameOf: this.nameOf,
      keys: this.keymap,
      ask: (choose) => searchClasses(this.host, this.vocabulary.classes, { choose }),
      close: () => this.showSingle(),
      refuse: (why) => this.view.tell(why),
    });
    this.view.single.after(this.gridView.element);
    this.presses = new Presses(this);
    this.tally.set(progress);
    this.showClasses();
    this.showTally();
  }

  async start() {
    this.outbox.on("state", () => this.followOutbox());
    this.view.chip.update(this.outbox);
    document.addEventListener("keydown", (event) => this.presses.key(event));
    for (const move of ["keydown", "pointermove", "pointerdown"])
      document.addEventListener(move, () => this.session.touch(), { passive: true });
    window.addEventListener("pagehide", () => api.releaseOnLeaving(this.client, this.spare));
    beforeDeparting(this.client, () => this.depart(), () => this.session.open());
    this.stage.say(h("p", {}, "Fetching images…"));
    await this.outbox.flush();
    await this.session.refill({ force: true });
    setInterval(() => this.askProgress(), ASK_PROGRESS);
    document.addEventListener("visibilitychange", () => this.lookedAt());
  }

  /** Somebody looks at the page again, or away from it: then others may have what is held ahead. */
  lookedAt() {
    if (document.hidden) return this.session.yieldSurplus();
    this.askProgress();
    return this.session.refill({ force: true });
  }

  /** The leases to give back, null for all: those whose decisions still wait in the outbox are kept. */
  get spare() {
    return this.outbox.size > 0 ? this.session.leases() : null;
  }

  /** Send what was decided and give the images back while they are this person's to give. */
  async depart() {
    await this.outbox.flush();
    const { spare } = this;
    this.session.close();
    this.showSingle();
    await api.release(this.client, spare);
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

  showClasses() {
    this.view.keys(this.keymap, this.vocabulary.places, this.tally.classes);
    this.view.guess(this.session.current, this.nameOf);
  }

  /** Say what became of the classes: for as long as it is not read where one is gone or called otherwise. */
  tellOfClasses(words, lost) {
    if (lost) this.view.messages.say("classes", words);
    else this.view.tell(words);
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
    return lostNotice(item, picture.error, { retry, skip: (event) => this.presses.press({ action: "skip" }, event) });
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
    if (state === "blocked" && !api.isElsewhere()) this.view.messages.say("outbox", this.outbox.problem, { bad: true });
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
    this.session.left = progress.left;
    this.session.yieldSurplus();
    this.tally.set(progress);
    this.showTally();
  }

  showTally() {
    this.view.progress.update(this.tally);
    this.view.list.count(this.tally.classes);
  }
}
