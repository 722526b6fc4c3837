// The filters of Browse: they live in the address, so that reload, back and a copied link keep them.

import { h } from "./dom.js";

const STATES = [
  ["labeled", "Labeled"],
  ["none", "Without a label"],
  ["disputed", "Disputed"],
  ["rejected", "None of our classes"],
];
const SPLITS = [
  ["unlabeled", "Unlabeled"],
  ["train", "Train"],
  ["val", "Validation"],
  ["test", "Test"],
];
const PATIENCE = 250; // milliseconds after the last letter typed

/**
 * The filter bar; `changed` is called with the filters as URLSearchParams. `strange` are those of the address that mean
 * nothing here, pairs of name and value, as of a class that was merged or of another project: they are left out.
 */
export class Filters {
  constructor({ classes, people, requests, changed }) {
    this.changed = changed;
    this.values = new URLSearchParams(window.location.search);
    const byClass = classes.map((cls) => [String(cls.id), cls.name]);
    const clear = h("button", { class: "wb-quiet", type: "button", onclick: () => this.clear() }, "Clear");
    this.element = h(
      "form",
      { class: "wb-filters", role: "search", onsubmit: (event) => event.preventDefault() },
      this._file(),
      this._choice("state", "State", STATES),
      this._choice("label", "Label", byClass),
      this._choice("predicted", "Model says", byClass),
      this._choice(
        "person",
        "Labeled by",
        people.map((person) => [String(person.id), person.name]),
        "Images with an answer of theirs that still counts; on People, an image that they answered again counts again",
      ),
      this._choice(
        "round",
        "Request",
        requests.map((request) => [String(request.id), `${request.id}: ${request.strategy ?? request.purpose}`]),
      ),
      this._choice("split", "Split", SPLITS),
      this._check("flagged", "Flagged"),
      this._check("skipped", "Skipped"),
      this._check("suspect", "Suspect", "Labels that the other labels speak against, the most doubtful first"),
      this._check("settled", "Settled", "People disagreed, and somebody decided"),
      this._check("missing", "Missing"),
      clear,
    );
    this._leaveOut();
  }

  /** Leave out what no field shows: pictures would be missing, and nothing would say why. */
  _leaveOut() {
    const shown = ([name, value]) => {
      const field = this.element.elements.namedItem(name);
      return field?.type === "checkbox" ? field.checked && value === "true" : field?.value === value;
    };
    const given = [...this.values];
    this.strange = given.filter((filter) => !shown(filter) && !filter[0].startsWith("_")); // _: the page library's own
    this.values = new URLSearchParams(given.filter(shown));
    if (this.strange.length > 0) this._keep();
  }

  /** Take all filters off. */
  clear() {
    this.values = new URLSearchParams();
    this.element.reset();
    for (const field of this.element.elements) {
      if (field.type === "checkbox") field.checked = false;
      else if (field.name) field.value = "";
    }
    this._apply();
  }

  _set(name, value) {
    if (value) this.values.set(name, value);
    else this.values.delete(name);
    this._apply();
  }

  _apply() {
    this._keep();
    this.changed(this.values);
  }

  _keep() {
    const address = new URL(window.location.href);
    address.search = this.values.toString();
    window.history.replaceState(null, "", address);
  }

  _choice(name, title, options, meaning = null) {
    const all = h("option", { value: "" }, "Any");
    let pointed = false;
    const select = h(
      "select",
      {
        name,
        onpointerdown: () => (pointed = true),
        onkeydown: () => (pointed = false),
        onchange: () => {
          if (pointed) select.blur(); // letters are the page's again; who goes through the choices by keys stays
          this._set(name, select.value);
        },
      },
      all,
      options.map(([value, words]) => h("option", { value }, words)),
    );
    select.value = this.values.get(name) ?? "";
    if (select.selectedIndex < 0) select.value = ""; // no such option
    return h("label", { title: meaning }, title, select);
  }

  _check(name, title, meaning = null) {
    const box = h("input", { type: "checkbox", name, onchange: () => this._set(name, box.checked ? "true" : "") });
    box.checked = this.values.get(name) === "true";
    return h("label", { class: "wb-check", title: meaning }, box, title);
  }

  _file() {
    const input = h("input", {
      type: "search",
      name: "file",
      placeholder: "Part of name",
      autocomplete: "off",
      spellcheck: "false",
    });
    input.value = this.values.get("file") ?? "";
    input.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this._set("file", input.value.trim()), PATIENCE);
    });
    return h("label", {}, "File", input);
  }
}
