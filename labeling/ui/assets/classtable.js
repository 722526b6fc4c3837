// The classes of the project: names, keys and colours, and merges that can be taken back.

import * as api from "./api.js";
import { searchClasses } from "./classes.js";
import { openDialog } from "./dialog.js";
import { alertBox, attempt, count, fill, h, uuid } from "./dom.js";
import { browseAddress } from "./page.js";
import { isAdmin } from "./who.js";

/** The table of classes; every change is stored at once. */
export class ClassTable {
  constructor(host) {
    this.host = host;
    this.classes = [];
    this.list = h("div", { class: "pj-classes", role: "list" });
    this.error = alertBox();
    this.name = h("input", { name: "new-class", maxlength: 100, autocomplete: "off", placeholder: "Name of a new class" });
    this.element = h(
      "section",
      { class: "pj-card", "aria-label": "Classes" },
      h("h2", {}, "Classes"),
      this.list,
      this.error,
      h(
        "form",
        { class: "pj-add", onsubmit: (event) => (event.preventDefault(), this.add()) },
        h("label", {}, h("span", { class: "pj-unseen" }, "New class"), this.name),
        h("button", { type: "submit" }, "Add"),
      ),
    );
  }

  async refresh() {
    this.classes = (await api.get("api/dataset/classes")).classes;
    const restore = whereTheKeyboardIs(this.list);
    fill(
      this.list,
      this.classes.length
        ? this.classes.map((cls, place) => this.row(cls, place))
        : h("p", { class: "wb-hint" }, "There is no class yet. Add the first ones here, or import labels below; while labeling, N makes a new one."),
    );
    restore();
  }

  row(cls, place) {
    const change = async (field, value) => {
      const input = { name, key, color }[field];
      const typed = input.value;
      const stored = await this.change(() => api.patch(`api/classes/${cls.id}`, { uuid: uuid(), [field]: value }));
      if (!stored && input.value === typed) input.value = input.defaultValue; // a field says how things are
    };
    const rename = () => change("name", name.value.replaceAll("\n", " ")); // pasted
    const name = h("textarea", { // of one line, which wraps where it is long
      class: "pj-name", title: cls.name, rows: 1, maxlength: 100, disabled: !isAdmin(), "aria-label": `Name of ${cls.name}`, autocomplete: "off",
      onchange: rename,
      onkeydown: (event) => {
        if (event.key !== "Enter" || event.isComposing) return;
        event.preventDefault();
        if (name.value !== name.defaultValue) rename();
      },
    }, cls.name);
    const key = h("input", {
      class: "pj-key", value: cls.key ?? "", maxlength: 1, "aria-label": `Key of ${cls.name}`, autocomplete: "off",
      placeholder: place < 9 ? String(place + 1) : place === 9 ? "0" : "", title: "Key while labeling; empty: by its place",
      onchange: () => change("key", key.value || null),
    });
    const color = h("input", {
      class: "pj-color", type: "color", value: cls.color, disabled: !isAdmin(), "aria-label": `Color of ${cls.name}`, onchange: () => change("color", color.value),
    });
    const browse = h("a", { href: browseAddress({ label: cls.id }) }, count(cls.count, "image"));
    const merge = h("button", { class: "wb-quiet wb-admins", type: "button", disabled: this.classes.length < 2, onclick: () => this.chooseTarget(cls) }, "Merge…");
    return h(
      "div",
      { class: "pj-class", role: "listitem", tabindex: -1, "aria-label": cls.name, dataset: { class: cls.name, id: cls.id } },
      color, name, key, browse, merge,
      cls.merged.map((part) => this.merged(part)),
    );
  }

  merged(part) {
    const split = () => this.change(() => api.post(`api/classes/${part.id}/split`, { uuid: uuid() }));
    return h(
      "div",
      { class: "pj-merged" },
      h("span", {}, "↳ with ", h("b", {}, part.name), `, ${count(part.answers, "answer")}`),
      h("button", { class: "wb-quiet wb-admins", type: "button", onclick: split }, `Split ${part.name} again`),
    );
  }

  chooseTarget(cls) {
    searchClasses(this.host, this.classes.filter((other) => other.id !== cls.id), {
      title: `Merge ${cls.name} into which class?`,
      choose: (id) => this.confirm(cls, this.classes.find((other) => other.id === id)),
    });
  }

  /** Say what moves before it does. */
  confirm(cls, target) {
    const error = alertBox();
    const merge = () =>
      attempt(error, async () => {
        await api.post(`api/classes/${cls.id}/merge`, { uuid: uuid(), into: target.id });
        dialog.close(); // which gives the keyboard back to a button that the refresh replaces
        await this.refresh();
        this.list.querySelector(`[data-id="${target.id}"]`)?.focus();
      });
    const content = h(
      "div",
      { class: "wb-form" },
      h("p", {}, h("b", {}, count(cls.count, "image")), ` labeled ${cls.name} will count as ${target.name}, which then has ${count(cls.count + target.count, "image")}.`),
      h("p", {}, `No label is lost: each keeps what was said. “Split ${cls.name} again” under ${target.name} takes the merge back.`),
      error,
      h("div", { class: "wb-row" }, h("button", { class: "wb-main", type: "button", autofocus: true, onclick: merge }, "Merge")),
    );
    const dialog = openDialog(this.host, `Merge ${cls.name} into ${target.name}`, content);
  }

  async add() {
    const name = this.name.value;
    const added = await this.change(() => api.post("api/classes", { uuid: uuid(), name }));
    if (added) this.name.value = "";
    this.name.focus();
  }

  /** Store a change, show the classes as they are then, and resolve to whether it was stored; say why where it was not. */
  async change(work) {
    const stored = await attempt(this.error, async () => {
      await work();
      await this.refresh();
    });
    if (!stored) this.error.scrollIntoView({ block: "nearest" }); // below a list that may be long
    return stored;
  }
}

/** Note the field that the keyboard is in and what is typed there; returns a function that goes back to it. */
function whereTheKeyboardIs(list) {
  const field = document.activeElement;
  const row = list.contains(field) && field.closest("[data-id]")?.dataset.id;
  if (!row) return () => {};
  const { className, value } = field;
  const typed = value !== field.defaultValue;
  return () => {
    const again = list.querySelector(`[data-id="${row}"] .${className.split(" ")[0] || "none"}`);
    if (!again) return;
    again.focus();
    if (typed && again.value !== value) again.value = value;
  };
}
