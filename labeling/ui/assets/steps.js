// Undo and redo of what only the server knows: of an earlier page or day.

import * as api from "./api.js";
import { uuid } from "./dom.js";

/** Asks the server, one step after the other. */
export class Steps {
  constructor(outbox, client) {
    Object.assign(this, { outbox, client });
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
    if (this.unanswered?.kind !== kind) this.unanswered = { kind, wish: { uuid: uuid(), client: this.client } };
    try {
      const result = await api.post(`api/${kind}`, this.unanswered.wish);
      this.unanswered = null;
      return result;
    } catch (error) {
      if (error.offline) throw new Error(`No answer: whether the ${kind} was done is not known. Press again to hear it.`);
      if (error.field !== "uuid") throw error;
      this.unanswered = null; // there is nothing to undo or redo
      return null;
    }
  }
}
