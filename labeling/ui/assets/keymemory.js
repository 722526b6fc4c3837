// Which class each key meant in this tab: classes keep their keys, and a key that means another one waits for a look.

import { ofTab } from "./storage.js";

const PAUSE = 1_500; // milliseconds without a deciding press in which one has looked up
const DECIDING = ["first_guess", "skip", "reject"]; // like the keys of classes, they bring the next picture

export class KeyMemory {
  /** `owner` names project and person: a tab may serve several. */
  constructor(owner) {
    this.place = `barlowmatch:keys:${owner}`;
    this.meant = new Map(JSON.parse(ofTab.get(this.place) ?? "[]")); // key → { class, name } as it was last seen
    this.asked = null; // { key, meaning, at, words }: the press that was refused until somebody looks
  }

  /** Take up what keys mean that meant nothing in this tab before. */
  learn(keymap, nameOf) {
    for (const [key, { class: cls }] of keymap.meaning)
      if (cls !== undefined && !this.meant.has(key)) this.meant.set(key, { class: cls, name: nameOf(cls) });
    this._keep();
  }

  /** Let go of a class's keys, and of what its new key meant: whoever gives it on this page knows. */
  forget(cls, given) {
    for (const [key, { class: other }] of this.meant) if (other === cls || key === given) this.meant.delete(key);
    this._keep();
  }

  /** Let all keys be free again. */
  restart() {
    this.meant.clear();
    this.asked = null;
    this._keep();
  }

  /**
   * What to say of a press that must not be taken, else null. A key that means another class than it did, or none, is
   * refused; so is every deciding key after it, as whoever is in full swing takes the picture for the next one, until
   * they paused or pressed Escape. `at` is the press's time in milliseconds.
   */
  objection(key, meaning, nameOf, at) {
    if (this.asked && key === "Escape") return this._looked(nameOf), "Seen. The keys mean what the list says.";
    const ofClass = meaning ? meaning.class !== undefined : this.meant.has(key);
    if (!ofClass && !DECIDING.includes(meaning?.action)) return null;
    if (this.asked) {
      const paused = at - this.asked.at >= PAUSE;
      this.asked.at = at;
      if (!paused) return this.asked.words;
      this._looked(nameOf);
    }
    const news = this._news(key, meaning, nameOf);
    this.asked = news && { key, meaning, at, words: `${news} Look first: a moment without keys, or Esc, goes on.` };
    return this.asked?.words ?? null;
  }

  /** The key that was refused means from now on what it was said to mean. */
  _looked(nameOf) {
    const { key, meaning } = this.asked;
    this.asked = null;
    if (meaning?.class !== undefined) this.meant.set(key, { class: meaning.class, name: nameOf(meaning.class) });
    this._keep();
  }

  /** What is new about a key. */
  _news(key, meaning, nameOf) {
    const before = this.meant.get(key);
    if (!before || meaning?.action) return null;
    const cap = key.replace("Shift+", "⇧").toUpperCase();
    if (!meaning) return `${cap} was “${before.name}”, which is no class any more: no label.`;
    const name = nameOf(meaning.class);
    if (before.class === meaning.class && before.name === name) return null;
    return `${cap} was “${before.name}” and is “${name}” now: no label.`;
  }

  _keep() {
    ofTab.set(this.place, JSON.stringify([...this.meant]));
  }
}
