// The classes as the Label page has them: names and keys, new ones, and what somebody else does with them meanwhile.

import * as api from "./api.js";
import { uuid } from "./dom.js";
import { Keymap } from "./keys.js";
import { loadClasses } from "./page.js";

export class Vocabulary {
  /** `changed()` is called whenever classes or keys are others than before, `told()` when somebody else changed them. */
  constructor({ classes, version, settings, changed, told }) {
    Object.assign(this, { settings, changed, told });
    this.names = new Map();
    this.altered = new Set(); // keys that came to mean another class and were not pressed since
    this.nameOf = (id) => this.names.get(id) ?? "none of our classes";
    this.keymap = new Keymap(settings.keys, classes);
    this._take({ classes, version });
  }

  // Names stay known after a merge: what was said before still reads as it was said.
  _take({ classes, version }) {
    Object.assign(this, { classes, version });
    for (const { id, name } of classes) this.names.set(id, name);
    this.keymap.arrange(classes);
  }

  async reload() {
    this._take(await loadClasses());
    this.changed();
  }

  /** Hear which version of the classes the server has; loads them where it is another one. */
  async heard(version) {
    const before = this.version;
    if (version === before) return;
    const meant = this._classKeys();
    await this.reload();
    for (const [key, cls] of this._classKeys()) if (meant.has(key) && meant.get(key) !== cls) this.altered.add(key);
    if (this.version !== before) this.told();
  }

  _classKeys() {
    return new Map([...this.keymap.byClass].map(([cls, key]) => [key, cls]));
  }

  /** What to say of a press whose key means another class than it did, once for each such key; else null. */
  objection(key, meaning) {
    if (meaning?.class === undefined || !this.altered.delete(key)) return null;
    return `${key.toUpperCase()} means “${this.nameOf(meaning.class)}” now: press it again to say that.`;
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
      this.keymap.arrange(this.classes);
      this.changed();
    } else {
      await api.patch(`api/classes/${target.class}`, { uuid: uuid(), key });
      await this.reload();
    }
  }
}

/** A name without case and Unicode forms, much as the server compares names. */
function fold(name) {
  return name.trim().normalize("NFKC").toLowerCase();
}
