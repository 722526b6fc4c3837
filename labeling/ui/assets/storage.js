// What is kept in this browser. Where it keeps nothing for us (cookies blocked, a sandboxed frame) even asking for its
// storage fails; then what a page keeps lasts as long as the page.

class Kept {
  /** @param {() => globalThis.Storage} open hands over the browser's own, or throws where that is blocked */
  constructor(open) {
    try {
      this.own = open();
    } catch {
      this.own = null;
      this.memory = new Map();
    }
  }

  /** What is kept under a key, null where nothing is. */
  get(key) {
    return this.own ? this.own.getItem(key) : (this.memory.get(key) ?? null);
  }

  /** Keep a text under a key; returns whether it outlives the page, which it does not where no room is left either. */
  set(key, text) {
    try {
      if (this.own) this.own.setItem(key, text);
      else this.memory.set(key, text);
    } catch {
      return false;
    }
    return this.own !== null;
  }

  remove(key) {
    if (this.own) this.own.removeItem(key);
    else this.memory.delete(key);
  }

  /** The keys that begin so. */
  keys(prefix) {
    const all = this.own ? Object.keys(this.own) : [...this.memory.keys()];
    return all.filter((key) => key.startsWith(prefix));
  }
}

/** Of all tabs, and of later ones. */
export const ofBrowser = new Kept(() => window.localStorage);

/** Of this tab alone, until it is closed. */
export const ofTab = new Kept(() => window.sessionStorage);

/** What is wrong where who is at work is not kept either. */
export const NO_COOKIE =
  "This browser keeps no cookie of this page, so the server cannot tell who you are. Allow cookies for this address, then load the page again.";
