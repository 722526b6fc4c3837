// The classes as the Label page has them: names and keys, new ones, and what somebody else does with them meanwhile.

import * as api from "./api.js";
import { uuid } from "./dom.js";
import { KeyMemory } from "./keymemory.js";
import { Keymap } from "./keys.js";
import { loadClasses } from "./page.js";

export class Vocabulary {
  /**
   * `owner` names project and person. `changed()` is called whenever classes or keys are others than before,
   * `told(words, lost)` when somebody else changed them; `lost` where a class is gone or called otherwise.
   */
  constructor({ owner, classes, version, settings, changed, told }) {
    Object.assign(this, { settings, changed, told });
    this.names = new Map();
    this.nameOf = (id) => this.names.get(id) ?? "none of our classes";
    this.memory = new KeyMemory(owner);
    this.keymap = new Keymap(settings.keys, [], this.memory.meant);
    this.places = []; // the classes where they stand on this page: a gone one leaves its place empty
    this._take({ classes, version });
  }

  // Names stay known after a merge: what was said before still reads as it was said.
  _take({ classes, version }) {
    Object.assign(this, { classes, version });
    for (const { id, name } of classes) this.names.set(id, name);
    this._arrange();
    const now = new Map(classes.map((cls) => [cls.id, cls]));
    const stay = this.places.map((cls) => now.get(cls.id) ?? { ...cls, gone: true });
    const there = new Set(stay.map(({ id }) => id));
    this.places = [...stay, ...classes.filter(({ id }) => !there.has(id))];
  }

  _arrange() {
    this.keymap.arrange(this.classes);
    this.memory.learn(this.keymap, this.nameOf);
  }

  async reload() {
    this._take(await loadClasses());
    this.changed();
  }

  /** Hear which version of the classes the server has; loads them where it is another one. */
  async heard(version) {
    if (version === this.version) return;
    const before = this.classes;
    await this.reload();
    const [words, lost] = this._difference(before);
    if (words) this.told(words, lost);
  }

  /** What became of the classes there were, in words; and whether one of them is gone or has another name. */
  _difference(before) {
    const had = new Map(before.map((cls) => [cls.id, cls]));
    const fresh = this.classes.filter(({ id }) => !had.has(id)).map(({ id, name }) => `“${name}” is new${this._by(id)}`);
    const lost = before.flatMap(({ id, name }) => {
      const now = this.classes.find((cls) => cls.id === id);
      if (!now) return [`“${name}” is no class any more`];
      return now.name === name ? [] : [`“${name}” is called “${now.name}” now`];
    });
    const moved = before.filter(({ id, key }) => this.classes.some((cls) => cls.id === id && cls.key !== key));
    const keys = moved.map(({ id }) => `“${this.nameOf(id)}” has another key${this._by(id)}`);
    return [[...lost, ...keys, ...fresh].join("; "), lost.length > 0];
  }

  _by(id) {
    const key = this.keymap.byClass.get(id);
    return key ? ` (${key.replace("Shift+", "⇧").toUpperCase()})` : "";
  }

  /** What to say of a press that must not be taken, as its key meant something else before; else null. */
  objection(key, meaning, event) {
    return this.memory.objection(key, meaning, this.nameOf, event.timeStamp);
  }

  /** Resolve to the id of the class with a name: the one there is, also where somebody made it meanwhile, else a new one. */
  async named(name) {
    const find = () => this.classes.find((cls) => fold(cls.name) === fold(name))?.id;
    if (find() !== undefined) return find();
    try {
      const made = await api.post("api/classes", { uuid: uuid(), name });
      await this.reload();
      return made.id;
    } catch (error) {
      if (error.status !== 409) throw error;
      await this.reload();
      if (find() === undefined) throw error;
      return find();
    }
  }

  /** Keep a key: an action's with the person's settings, a class's with the class; both null: all actions' first keys. */
  async assign(target, key) {
    if (target.class === undefined) {
      const present = async () => (await api.get("api/settings")).keys; // another page may have changed some
      const keys = target.action ? { ...(await present()), [target.action]: key } : {};
      Object.assign(this.settings, await api.put("api/settings", { keys }));
      this.keymap.actions = this.settings.keys;
      if (!target.action) this.memory.restart();
      this._arrange();
      this.changed();
    } else {
      await api.patch(`api/classes/${target.class}`, { uuid: uuid(), key });
      this.memory.forget(target.class, key?.toLowerCase());
      await this.reload();
    }
  }
}

/** A name without case and Unicode forms, much as the server compares names. */
function fold(name) {
  return name.trim().normalize("NFKC").toLowerCase();
}
