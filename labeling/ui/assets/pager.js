// Which page of Browse is shown: the cursors of the pages opened so far, and the words for where that is.

import { h } from "./dom.js";

const COUNTED = 10_000; // the server counts no further

/** `turned` is called when another page is wanted; `cursor` says where that begins, null at the start. */
export class Pager {
  constructor(size, turned) {
    Object.assign(this, { size, turned });
    this.cursors = [null];
    this.next = null;
    this.before = h("button", { type: "button", onclick: () => this.turn(-1) }, "← Previous");
    this.after = h("button", { type: "button", onclick: () => this.turn(1) }, "Next →");
    this.words = h("span", { "aria-live": "polite" });
    this.elements = [this.before, this.after, this.words];
  }

  get cursor() {
    return this.cursors.at(-1);
  }

  restart() {
    this.cursors = [null];
    this.turned();
  }

  turn(step) {
    if (step < 0 ? this.cursors.length < 2 : !this.next) return;
    if (step < 0) this.cursors.pop();
    else this.cursors.push(this.next);
    this.turned();
  }

  /** Show where a page of so many images is; `total` is null but for the first page. */
  took(count, { next, total }) {
    if (total !== null) this.total = total;
    this.next = next;
    this.before.disabled = this.cursors.length < 2;
    this.after.disabled = !next;
    const first = (this.cursors.length - 1) * this.size;
    this.words.textContent = count ? this.place(first + 1, first + count) : "";
  }

  /** Which images a page shows, and of how many: where those are too many to be counted, the last page tells. */
  place(first, last) {
    const uncounted = this.next && this.total >= COUNTED;
    const all = this.next ? this.total : last;
    const [from, to, of] = [first, last, all].map((number) => number.toLocaleString("en"));
    return `${from}–${to} of ${uncounted ? `${COUNTED.toLocaleString("en")} or more` : of}`;
  }
}
