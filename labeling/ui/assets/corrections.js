// What was changed on the Browse page: shown at once, sent by the outbox, taken back one act at a time.

import { uuid } from "./dom.js";

/**
 * An act is what one press changed of an image: { uuid, image, file, before, after }, where `before` and `after` are
 * what the page shows. An undo names the act by its UUID and follows it through the outbox, so it never takes back
 * anything else: neither what is stored by then nor what was done on another page.
 */
export class Corrections {
  constructor({ outbox, show }) {
    Object.assign(this, { outbox, show });
    this.done = [];
    this.undone = [];
    this.under = new Map(); // events under way, by UUID, and the act each is about
  }

  /** Send an event that changes what the page shows of an image to `after`. */
  act(event, image, after) {
    const before = Object.fromEntries(Object.keys(after).map((name) => [name, image[name]]));
    const act = { uuid: event.uuid, image: image.image, file: image.file, before, after };
    this.done.push(act);
    this.undone = [];
    this._send(event, act, after);
  }

  /** Take back the last act of this page; returns it, or null. */
  undo() {
    const act = this.done.pop();
    if (!act) return null;
    act.undo = uuid();
    this.undone.push(act);
    this._send({ uuid: act.undo, kind: "undo", undoes: act.uuid, source: "browse" }, act, act.before);
    return act;
  }

  /** Do again what was undone last; returns the act, or null. */
  redo() {
    const act = this.undone.pop();
    if (!act) return null;
    this.done.push(act);
    this._send({ uuid: uuid(), kind: "redo", undoes: act.undo, source: "browse" }, act, act.after);
    return act;
  }

  _send(event, act, known) {
    this.under.set(event.uuid, act);
    this.outbox.add(event);
    this.show(act.image, known);
  }

  /** Whether something said of an image is under way. */
  busy(image) {
    return [...this.under.values()].some((act) => act.image === image);
  }

  /** Hear what the server did; what it says of an image is shown unless something newer is under way there. */
  heard(event, result) {
    const act = this.under.get(event.uuid);
    this.under.delete(event.uuid);
    const stored = ["acknowledged", "late"].includes(result.status);
    if (act && !stored) this._forget(act, event);
    const image = act?.image ?? event.image;
    if (result.label && !this.busy(image)) this.show(image, { label: result.label });
    return { act, image, stored };
  }

  /** An act that is not stored, or not as it was thought to be, can be neither undone nor redone. */
  _forget(act, event) {
    if (event.uuid === act.uuid) act.lost = true;
    this.done = this.done.filter((other) => other !== act);
    this.undone = this.undone.filter((other) => other !== act);
  }
}
