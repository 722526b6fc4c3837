// Which key does what: defaults, a person's own choices, and reading a key press.

/** Everything a key can do besides naming a class; the order is that of the cheat sheet. */
export const ACTIONS = [
  { id: "first_guess", key: "Enter", short: "First guess", text: "Take the model's first guess" },
  { id: "search", key: "/", short: "Search", text: "Search the classes" },
  { id: "skip", key: "x", short: "Skip", text: "Don't know: leave it to somebody else" },
  { id: "reject", key: "r", short: "None", text: "None of our classes" },
  { id: "flag", key: "f", short: "Flag", text: "Flag the image, or take the flag off" },
  { id: "undo", key: "Backspace", short: "Undo", text: "Undo, as often as you like" },
  { id: "redo", key: "Shift+Backspace", short: "Redo", text: "Redo" },
  { id: "grid", key: "g", short: "Grid", text: "Grid: a page of one predicted class at once" },
  { id: "zoom", key: "z", short: "Zoom", text: "Zoom to the pixels" },
  { id: "contrast", key: "c", short: "Contrast", text: "More contrast" },
  { id: "new_class", key: "n", short: "New", text: "New class" },
  { id: "why", key: "w", short: "Why", text: "Show or hide why this image was asked for" },
  { id: "help", key: "?", short: "Keys", text: "Show the keys" },
];

const DIGITS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0"];
/** Keys that classes get by themselves, in the order of the classes. */
const CLASS_KEYS = [...DIGITS, ...DIGITS.map((digit) => `Shift+${digit}`)];
/** Keys the page needs for itself: they cannot be given away. */
const RESERVED = new Set(["Tab", "Escape", " ", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"]);

/**
 * The name of the key a press stands for, or null for presses that belong to the browser.
 * Digits are read by their place, so the top row works on French keyboards and on number pads alike; Keymap.keyOf also
 * knows which signs mean something where that place has others.
 */
export function keyOf(event) {
  if (event.altKey || event.metaKey || event.ctrlKey) {
    const letter = latin(event) ?? event.key.toLowerCase();
    if (event.altKey || letter !== "z") return null;
    return event.shiftKey ? "Redo" : "Undo";
  }
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code ?? "");
  if (digit && (event.code.startsWith("Digit") || /^\d$/.test(event.key))) {
    return event.shiftKey ? `Shift+${digit[1]}` : digit[1];
  }
  if (["Shift", "Control", "Alt", "Meta", "CapsLock", "Dead", "Process", "Unidentified"].includes(event.key))
    return null;
  if (event.key.length > 1) return event.shiftKey ? `Shift+${event.key}` : event.key;
  const lower = event.key.toLowerCase();
  const isLetter = lower !== event.key.toUpperCase();
  return event.shiftKey && isLetter ? `Shift+${lower}` : lower;
}

/** The Latin letter at the place of a key that types another script's, or null. */
function latin(event) {
  const place = /^Key([A-Z])$/.exec(event.code ?? "");
  return place && /^[^\x00-\u024f]$/u.test(event.key) ? place[1].toLowerCase() : null;
}

/** The sign that a press types, or null where that is a digit, nothing, or belongs to the browser. */
function signOf(event) {
  const plain = !event.altKey && !event.metaKey && !event.ctrlKey;
  return plain && /^[^\d\s]$/u.test(event.key) ? event.key.toLowerCase() : null;
}

/** The name under which a press is given to something: with Shift the sign it types, as Shift+digit cannot be given. */
export function givenKey(event) {
  const key = keyOf(event);
  return /^Shift\+\d$/.test(key) ? (signOf(event) ?? key) : key;
}

/** A person's keys: their own for actions, the classes' own letters, and the rest by place. */
export class Keymap {
  /**
   * @param {Object<string, string>} actions the person's key of each action
   * @param {{id: number, name: string, key: string | null}[]} classes in their order
   * @param {Map<string, {class: number}>} meant what keys meant before on this page; it may grow later
   */
  constructor(actions, classes, meant = new Map()) {
    this.actions = { ...actions };
    this.meant = meant;
    this.arrange(classes);
  }

  /**
   * Give everything its key: actions first, then the classes' own letters, then digits. A class that is called by a
   * digit has that one, whatever its place, as everybody presses it; the others go by place, and where that digit is
   * somebody else's, get the first that is left. A key that meant a class before goes on to mean it; where there is no
   * such class any more, it means none, as whoever labels has it in their fingers.
   */
  arrange(classes) {
    this.classes = classes;
    this.meaning = new Map([
      ["Undo", { action: "undo" }],
      ["Redo", { action: "redo" }],
    ]);
    this.byAction = new Map();
    this.byClass = new Map();
    const take = (key, meaning, place, id) => {
      if (!key || this.meaning.has(key)) return;
      this.meaning.set(key, meaning);
      place.set(id, key);
    };
    for (const { id, key } of ACTIONS) take(this.actions[id] ?? key, { action: id }, this.byAction, id);
    for (const { id, key } of classes) take(key?.toLowerCase(), { class: id }, this.byClass, id);
    const known = new Set(classes.map(({ id }) => id));
    for (const [key, { class: id }] of this.meant) {
      if (!known.has(id) || this.meaning.has(key)) continue;
      this.meaning.set(key, { class: id });
      if (!this.byClass.has(id)) this.byClass.set(id, key);
    }
    const free = (key) => !this.meaning.has(key) && !this.meant.has(key);
    const give = (id, key) => this.byClass.has(id) || (free(key) && take(key, { class: id }, this.byClass, id));
    for (const { id, name } of classes) if (DIGITS.includes(name)) give(id, name);
    for (const [place, { id }] of classes.entries()) give(id, CLASS_KEYS[place]);
    for (const { id } of classes.slice(0, CLASS_KEYS.length)) {
      give(id, CLASS_KEYS.find(free));
      // Where none is left, one that a class had which is gone: its first press asks for a look.
      if (!this.byClass.has(id)) take(CLASS_KEYS.find((key) => !this.meaning.has(key)), { class: id }, this.byClass, id);
    }
  }

  /**
   * The name of the key a press stands for here. A digit's place types another sign on each keyboard, and on many it is
   * the only way to one (German ⇧7 is the slash): a sign that means something comes before the place. A letter of
   * another script that means nothing stands for the Latin one at its place.
   */
  keyOf(event) {
    const sign = signOf(event);
    const key = keyOf(event);
    if (/^(Shift\+)?\d$/.test(key)) return this.meaning.has(sign) ? sign : key;
    const letter = key === null || this.meaning.has(key) ? null : latin(event);
    if (letter === null) return key;
    return event.shiftKey ? `Shift+${letter}` : letter;
  }

  /** What a key means: { action }, { class } or undefined. */
  read(key) {
    return this.meaning.get(key);
  }

  /** Why a key cannot be given to something, in one sentence, or null when it can. */
  objection(key, target) {
    if (RESERVED.has(key)) return "That key moves about the page and cannot be given away.";
    const holder = this.meaning.get(key);
    if (holder && (holder.action !== target.action || holder.class !== target.class)) {
      return `${key.toUpperCase()} already means “${this.describe(holder)}”. Give that another key first.`;
    }
    if (target.class !== undefined && key.length !== 1) return "A class takes a single letter, digit or sign.";
    if (target.action && /^(Shift\+)?\d$/.test(key)) return "Digits belong to the classes.";
    return null;
  }

  /** Say what a meaning is, in words. */
  describe(meaning) {
    if (meaning.action) return ACTIONS.find((action) => action.id === meaning.action).text;
    return this.classes.find((cls) => cls.id === meaning.class)?.name ?? "a class";
  }
}
