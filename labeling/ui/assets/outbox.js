// The outbox: what was decided on the page and is not yet known to be stored on the server.
//
// An event is written to localStorage before the next picture is painted, so a reload, a crash of the tab or a cut
// network loses nothing; it leaves the outbox only when the server says it is stored, or says why it never will be.
// Every event carries a UUID by which the server takes it once, however often it is sent, by however many tabs.

import { ofBrowser } from "./storage.js";

const BATCH = 100; // events in one request
const PATIENCE = [500, 1000, 2000, 4000, 8000, 15000]; // milliseconds before the next try

const KEYS = "barlowmatch:outbox:";

/** Whether anything of anybody waits in this browser. */
export function somethingWaits() {
  return ofBrowser.keys(KEYS).length > 0;
}

/** How many decisions for a project wait in this browser, by the id of the person. */
export function waitingBy(project) {
  const prefix = `${KEYS}${project}:`;
  const waiting = new Map();
  for (const key of ofBrowser.keys(prefix)) {
    const person = Number.parseInt(key.slice(prefix.length), 10);
    waiting.set(person, (waiting.get(person) ?? 0) + 1);
  }
  return waiting;
}

/** How the outbox stands: "saved", "pending", "offline" or "blocked" (the server answers, but cannot store). */
export class Outbox {
  /**
   * @param {string} name separates projects and persons
   * @param {(events: object[]) => Promise<object[]>} send resolves to one result an event; rejects with an error whose
   *   `offline` tells a cut network from a server that refuses
   */
  constructor(name, send) {
    this.prefix = `${KEYS}${name}:`;
    this.send = send;
    this.entries = this._stored();
    this.last = Number.parseInt(this.entries.at(-1)?.key.slice(this.prefix.length), 10) || 0;
    this.state = this.entries.length > 0 ? "pending" : "saved";
    this.problem = "";
    this.listeners = { state: () => {}, result: () => {} };
    this.tries = 0;
    window.addEventListener("online", () => this.flush());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.flush());
  }

  /** Hear about changes: on("state", (outbox) => …), on("result", (event, result) => …). */
  on(what, listener) {
    this.listeners[what] = listener;
  }

  /** The number of events not yet known to be stored. */
  get size() {
    return this.entries.length;
  }

  /** Whether some of them are kept in memory alone. */
  get volatile() {
    return this.entries.some((entry) => entry.volatile);
  }

  /** Events of an earlier page or another tab that wait here, oldest first. */
  waiting() {
    return this.entries.map((entry) => entry.event);
  }

  /** Keep events and send them as soon as possible. All of them are kept, or none. */
  add(...events) {
    const stamp = Date.now();
    const made = events.map((event, place) => ({ key: this._key(stamp, place, event), event }));
    for (const entry of made) {
      entry.volatile = !ofBrowser.set(entry.key, JSON.stringify(entry.event)); // which is said
    }
    this.entries.push(...made);
    this._become(this.state === "saved" ? "pending" : this.state, this.problem);
    // The picture is painted first; then there is time to talk to the server.
    setTimeout(() => this.flush(), 0);
  }

  /** Send what waits; resolves once all of it is sent, what is added meanwhile too, or a try has failed. */
  flush() {
    clearTimeout(this.timer);
    this.sending ??= this._sendAll().finally(() => {
      this.sending = null;
    });
    return this.sending;
  }

  /** One batch at a time. */
  async _sendAll() {
    try {
      while (this.entries.length > 0) {
        const batch = this.entries.slice(0, BATCH);
        const results = await this.send(batch.map((entry) => entry.event));
        this._settle(batch, results);
        this.tries = 0;
        this._become(this.entries.length > 0 ? "pending" : "saved", "");
      }
    } catch (error) {
      this._become(error.offline ? "offline" : "blocked", error.message);
      const wait = PATIENCE[Math.min(this.tries, PATIENCE.length - 1)];
      this.tries += 1;
      this.timer = setTimeout(() => this.flush(), wait);
    }
  }

  _settle(batch, results) {
    const done = new Set(batch);
    this.entries = this.entries.filter((entry) => !done.has(entry));
    for (const [place, entry] of batch.entries()) {
      ofBrowser.remove(entry.key);
      this.listeners.result(entry.event, results[place]);
    }
  }

  _become(state, problem) {
    this.state = state;
    this.problem = problem;
    this.listeners.state(this);
  }

  // Keys sort by time, whatever a clock that was set back says, then by place in the act; the UUID keeps two tabs apart.
  _key(stamp, place, event) {
    this.last = Math.max(stamp, this.last + 1);
    return `${this.prefix}${String(this.last).padStart(15, "0")}.${String(place).padStart(4, "0")}.${event.uuid}`;
  }

  _stored() {
    return ofBrowser
      .keys(this.prefix)
      .sort()
      .flatMap((key) => {
        try {
          return [{ key, event: JSON.parse(ofBrowser.get(key)) }];
        } catch {
          return []; // of another program
        }
      });
  }
}
