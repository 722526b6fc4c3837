// One tab's work: the images it has leased, what was decided of them, and taking that back.

import * as api from "./api.js";
import { uuid } from "./dom.js";
import { ahead, giveBack } from "./lending.js";
import { Steps, earlierAct, isSettled } from "./steps.js";

const REFILL_AT = 0.75; // less than this share of what may be leased: ask for more
const ASK_AGAIN = 8_000; // milliseconds before asking again when there was nothing to lease
const STILL = 60_000; // milliseconds in which nobody moved: others may have all but the next images then
const IDLE = 5 * 60_000; // and those, too

/**
 * An act is what one press did: { kind, class, items, events, undoes }, where `undoes` is the UUID by which the server
 * takes it back. Acts of an earlier page or day are known to the server alone; `said` and `images` tell what they said
 * of which. Acts form two stacks, done and undone; both are as deep as the work is long.
 */
export class Session {
  /** `stands(item)` hears of an image whose answer was taken back while a newer one goes on to count. */
  constructor({ outbox, client, left, changed, acted, rest, say, stands }) {
    Object.assign(this, { outbox, client, left, changed, acted, rest, say, stands });
    this.queue = [];
    this.dry = false;
    this.extra = []; // items on the grid: held, but not in the queue
    this.acts = [];
    this.undone = [];
    this.made = 0; // acts decided here, taken back or not
    this.steps = new Steps(outbox, client, () => this.made);
    this.decided = new Set(); // leases answered here: never taken again, even if the server has not heard yet
    this.state = "loading";
    this.shownAt = performance.now();
    this.movedAt = performance.now();
    outbox.on("result", (event, result) => this._heard(event, result));
  }

  /** The item that is to be decided now, or undefined. */
  get current() {
    return this.queue[0];
  }

  /** How many images to hold. */
  get ahead() {
    return ahead(this.left, !document.hidden && !this.unmoved(STILL));
  }

  get short() {
    return this.queue.length < REFILL_AT * this.ahead;
  }

  /** The leases of images on the page, of the queue and of the grid. */
  leases() {
    return [...this.queue, ...this.extra].map((item) => item.lease).filter(Boolean);
  }

  /** The same but for those that an undo still has to bring back: to the server they are answered, yet not lost here. */
  _known() {
    const unheard = new Set(this.outbox.waiting().map((event) => event.uuid));
    return [...this.queue, ...this.extra].flatMap(({ lease, undo }) => (lease && !unheard.has(undo) ? [lease] : []));
  }

  /** Whether nobody moved for so many milliseconds. */
  unmoved(milliseconds) {
    return performance.now() - this.movedAt > milliseconds;
  }

  /** Somebody is here: who comes back gets images again. */
  touch() {
    const still = this.unmoved(STILL);
    this.movedAt = performance.now();
    if (still) this.refill({ force: true });
  }

  /** Let others have what is held beyond what one needs by now; without a connection it would reach nobody. */
  yieldSurplus = () => this.offline || this._giveBackAfter(this.ahead);

  get offline() {
    return this.state === "offline" || this.outbox.state === "offline";
  }

  /** Go on holding images, and asking for more, while somebody is here. */
  _again() {
    if (!this.unmoved(IDLE) || this.offline) return this.refill({ force: true });
    this.rest(); // what is on the grid comes back into the queue
    if (this.queue.length === 0) return null;
    const { queue } = this;
    this.queue = [];
    this.state = "resting";
    this.changed();
    return giveBack(this, queue);
  }

  /** Have no images any more: whoever sits here has another name at once, and asks on a page of their own. */
  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.queue = [];
    this.state = "loading";
  }

  /** Go on where nobody went after all. */
  open() {
    this.closed = false;
    return this.refill({ force: true });
  }

  /** Ask for images when few are left; also renews the leases held. */
  async refill({ force = false } = {}) {
    const enough = this.dry ? this.queue.length > 0 : !this.short;
    if (this.closed || this.refilling || (!force && enough)) return;
    clearTimeout(this.timer);
    this.refilling = true;
    try {
      await this.returning; // else the server would hand out again what is on its way back
      const waiting = this.outbox.waiting().flatMap((event) => event.lease ?? []);
      const holding = [...new Set([...this._known(), ...waiting])];
      const count = Math.max(0, this.ahead - this.queue.length);
      const answer = await api.post("api/lease", { client: this.client, count, holding });
      if (this.closed) return api.release(this.client, answer.items.map((item) => item.lease)).catch(() => {}); // else they lapse
      this._take(answer, waiting, count);
      this.yieldSurplus();
    } catch (error) {
      this.state = error.offline ? "offline" : "failed";
      this.problem = error;
    } finally {
      this.refilling = false;
    }
    const wait = this.dry || this.short ? ASK_AGAIN : Math.min(60_000, (this.term ?? 180) * 333);
    this.timer = setTimeout(() => this._again(), wait);
    this.changed();
  }

  /** Take here what this person's other tabs hold, those that ended in a crash among them. */
  async bring() {
    await api.post("api/release", { client: this.client, others: true }).catch(() => undefined);
    await this.refill({ force: true }); // says what is wrong, where something is
  }

  _take({ items, lost, left, other_tabs: tabs, asked: ever, term_s: term }, waiting, asked) {
    const gone = new Set(lost.filter((lease) => !this.decided.has(lease) && !waiting.includes(lease)));
    const before = this.queue.length;
    this.queue = this.queue.filter((item) => !gone.has(item.lease));
    if (before > this.queue.length) {
      const words = "Some images are no longer here: they waited too long, or another tab of yours took them. Nothing you decided is lost.";
      this.say("lost", words);
    }
    const here = new Set([...this.queue, ...this.extra].map((item) => item.image));
    const mine = new Set([...this.decided, ...waiting]);
    this.queue.push(...items.filter((item) => !here.has(item.image) && !mine.has(item.lease)));
    this.left = left;
    this.dry = items.length < asked; // there was no more to be had: asked again now and then, not at every press
    this.term = term;
    const rest = left > 0 ? (tabs > 0 ? "tabs" : "elsewhere") : ever ? "empty" : "unasked";
    this.state = this.queue.length > 0 ? "ready" : rest;
  }

  /** Give back all images but the next `keep` ones and take those that come first now; nothing in front moves. */
  async exchange(keep) {
    if (this.refilling || this.queue.length <= keep) return;
    this._giveBackAfter(keep);
    await this.refill({ force: true });
  }

  /** Give back all images but the next `keep` ones. */
  _giveBackAfter(keep) {
    const back = this.queue.slice(keep).filter((item) => item.lease);
    if (back.length === 0) return;
    this.queue = this.queue.filter((item) => !back.includes(item));
    giveBack(this, back);
    this.changed();
  }

  /** Decide the current item: kind is "label" (with a class), "reject" or "skip". */
  decide(kind, cls = null) {
    const item = this.queue.shift();
    const looked = Math.round(performance.now() - this.shownAt);
    const event = {
      uuid: uuid(),
      kind,
      image: item.image,
      lease: item.lease,
      source: "single",
      looked_ms: Math.min(looked, 3_600_000),
    };
    if (kind === "label") event.class = cls;
    this._done({ kind, class: cls, items: [item], events: [event], undoes: event.uuid });
  }

  /** Flag the current item, or take its flag off; it stays where it is. */
  flag() {
    const item = this.current;
    item.flagged = !item.flagged;
    const event = { uuid: uuid(), kind: item.flagged ? "flag" : "unflag", image: item.image };
    this._done({ kind: event.kind, class: null, items: [item], events: [event], undoes: event.uuid });
  }

  /** Commit a page of the grid as one act: pairs of item and class. */
  commit(pairs, predicted) {
    const batch = uuid();
    const events = pairs.map(([item, cls]) => ({
      uuid: uuid(),
      kind: "label",
      image: item.image,
      lease: item.lease,
      class: cls,
      source: "grid",
      batch,
    }));
    this._done({
      kind: "grid",
      class: predicted,
      items: pairs.map(([item]) => item),
      classes: pairs.map(([, cls]) => cls),
      events,
      undoes: batch,
    });
  }

  _done(act) {
    if (!/flag/.test(act.kind)) for (const item of act.items) if (item.lease) this.decided.add(item.lease);
    const whole = (event) => Object.fromEntries(Object.entries(event).filter(([, value]) => value != null));
    this.outbox.add(...act.events.map(whole));
    this.made += 1;
    this.acts.push(act);
    this.acted(act, 1);
    this.undone = [];
    this.shownAt = performance.now();
    if (this.short) setTimeout(() => this.refill(), 0);
  }

  /** Take back the last act that stands; resolves to it, or to null when there is none. */
  async undo() {
    const act = this.acts.pop() ?? (await this._undoOnServer());
    if (!act) return null;
    if (!act.undo) {
      act.undo = { uuid: uuid(), kind: "undo", undoes: act.undoes };
      for (const item of act.items) item.undo = act.undo.uuid;
      this.outbox.add(act.undo);
    }
    this.undone.push(act);
    this.acted(act, -1);
    this._return(act);
    this.shownAt = performance.now();
    return act;
  }

  _return(act) {
    if (/flag/.test(act.kind)) {
      for (const item of act.items) item.flagged = act.flagged ?? act.kind === "unflag"; // others may have flagged it too
      return;
    }
    const back = new Set(act.items.map((item) => item.image));
    for (const item of act.items) this.decided.delete(item.lease);
    const rest = this.queue.filter((item) => !back.has(item.image));
    this.queue = act.kind === "grid" ? rest : [...act.items, ...rest];
    if (this.queue.length > 0) this.state = "ready";
  }

  async _undoOnServer() {
    const result = await this.steps.ask("undo");
    const undo = result && { uuid: result.uuid };
    const items = result?.items.filter((item) => !isSettled(item));
    return result && { ...earlierAct(result, items, this.queue), flagged: result.flagged, label: result.label, undo };
  }

  async _redoOnServer() {
    const result = await this.steps.ask("redo");
    const images = new Set(result?.images);
    const items = this.queue.filter((item) => images.has(item.image));
    return result && earlierAct(result, items, this.queue);
  }

  /** Do again what was undone last; resolves to the act, or to null when there is none. */
  async redo() {
    const act = this.undone.pop() ?? (await this._redoOnServer());
    if (!act) return null;
    if (act.undo) this.outbox.add({ uuid: uuid(), kind: "redo", undoes: act.undo.uuid });
    act.undo = null;
    if (/flag/.test(act.kind)) {
      for (const item of act.items) item.flagged = act.kind === "flag";
    } else {
      const again = new Set(act.items.map((item) => item.image));
      for (const item of act.items) if (item.lease) this.decided.add(item.lease);
      this.queue = this.queue.filter((item) => !again.has(item.image));
      this.extra = this.extra.filter((item) => !again.has(item.image));
    }
    this.acts.push(act);
    this.acted(act, 1);
    this.shownAt = performance.now();
    return act;
  }

  /** Hear what the server did with an event. */
  _heard(event, result) {
    if (event.kind === "undo") {
      const fresh = new Map((result.items ?? []).map((item) => [item.image, item]));
      for (const item of [...this.queue, ...this.extra])
        if (fresh.has(item.image)) item.lease = fresh.get(item.image).lease;
      this._leave([...fresh.values()].filter((item) => item.label.state !== "none"), event.uuid);
    }
    if (result.status === "refused" || result.status === "conflict") {
      const why = result.message ?? "the image was changed meanwhile";
      this.say(`event ${event.image}`, `Not stored: ${why}`, { bad: true });
    } else if (result.status === "late" && event.lease) {
      this.say("late", `Stored, but late: ${result.message}`);
    }
  }
  /** Let go of images that an undo brought back although they have a newer answer; tell of those that have one. */
  _leave(items, undo) {
    const back = new Set(this.queue.filter((item) => item.undo === undo).map((item) => item.image));
    const settled = new Set(items.filter(isSettled).map((item) => item.image));
    this.queue = this.queue.filter((item) => !back.has(item.image) || !settled.has(item.image));
    for (const item of items) if (back.has(item.image)) this.stands(item);
    if (settled.size > 0) this.changed();
  }
}
