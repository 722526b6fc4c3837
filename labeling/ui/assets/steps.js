// Undo and redo of what only the server knows: of an earlier page or day.

import * as api from "./api.js";
import { uuid } from "./dom.js";

/**
 * Asks the server, one step after the other. A step names what it is about: delivered late, when somebody has gone on,
 * it takes back nothing else.
 */
export class Steps {
  /** `made` counts what is decided on the page, by which it is known that somebody goes on. */
  constructor(outbox, client, made) {
    Object.assign(this, { outbox, client, made });
    this.last = Promise.resolve();
    this.unanswered = null; // what the server may have done unheard, { kind, wish }: asked again by the same UUID
  }

  /** Undo or redo the last act the server knows; resolves to what that was, or to null when there is none. */
  ask(kind) {
    const step = this.last.then(() => this._ask(kind));
    this.last = step.catch(() => {});
    return step;
  }

  async _ask(kind) {
    await this.outbox.flush();
    if (this.outbox.size > 0) throw new Error("This goes on as soon as the server answers.");
    if (this.unanswered?.kind !== kind) {
      const before = this.made();
      const { undoes } = await api.get(`api/${kind}`);
      if (undoes === null) return null;
      if (this.made() !== before) throw new Error(`You went on meanwhile, so there was no ${kind}. Press again.`);
      this.unanswered = { kind, wish: { uuid: uuid(), client: this.client, undoes } };
    }
    try {
      const result = await api.post(`api/${kind}`, this.unanswered.wish);
      this.unanswered = null;
      return result;
    } catch (error) {
      if (error.offline) throw new Error(`No answer: whether the ${kind} was done is not known. Press again to hear it.`);
      if (!["uuid", "undoes"].includes(error.field)) throw error;
      this.unanswered = null;
      if (error.field === "undoes") throw error; // there is something newer
      return null;
    }
  }
}

/** An act the server told of: a flag changes images on hand, anything else has items that come or go. */
export function earlierAct({ kind, act, images }, items, queue) {
  const flag = kind === "flag" || kind === "unflag";
  return {
    kind: flag ? kind : "earlier",
    said: kind,
    images,
    class: null,
    items: flag ? queue.filter((item) => item.image === images[0]) : items,
    events: [],
    undoes: act,
  };
}

/** Whether an image that an undo gave back has its answer already, and nothing more is wanted of it. */
export function isSettled({ lease, label }) {
  return lease === null && label.state !== "none";
}
