// Importing labels: choose a table or folders, look at what would be stored, store it, take it back.

import * as api from "./api.js";
import { alertBox, attempt, count, fill, h, uuid, when } from "./dom.js";
import { choreWait, stopButton } from "./wait.js";
import { isAdmin } from "./who.js";

const ASK_AGAIN = 500; // milliseconds, while labels are looked at or stored
const PART = 500_000; // bytes of a table that are sent at once
const WORKS = { preview: "Looking at the labels", store: "Storing the labels", undo: "Taking the labels back" };

/** The panel for labels from elsewhere; `stored` is called when labels have changed. */
export class Importer {
  constructor({ stored }) {
    this.stored = stored;
    this.file = h("input", { type: "file", name: "table", accept: ".csv,.tsv,.txt,text/csv", onchange: () => this.upload() });
    this.path = h("input", {
      name: "path",
      required: true,
      placeholder: "/path/to/labels.csv or a folder of class folders",
      autocomplete: "off",
      spellcheck: "false",
    });
    this.error = alertBox();
    this.cut = h("p", { class: "wb-error" });
    this.progress = h("div");
    this.stop = stopButton(() => this.stopLooking());
    this.body = h("div", { class: "pj-import", "aria-live": "polite" });
    this.element = h(
      "section",
      { class: "pj-card wb-admins", "aria-label": "Import labels" },
      h("h2", {}, "Import labels"),
      h("p", { class: "wb-hint" }, "A CSV whose first line is file,label, or folders named like classes. You see first what would be stored."),
      h("label", {}, "Table from this computer", this.file),
      h(
        "form",
        { class: "pj-add", onsubmit: (event) => (event.preventDefault(), this.look({ path: this.path.value.trim() })) },
        h("label", {}, "Or a path on the server", this.path),
        h("button", { type: "submit" }, "Preview"),
      ),
      this.error,
      this.progress,
      this.stop,
      this.body,
    );
  }

  async refresh() {
    if (!isAdmin()) return; // the panel is not shown
    clearTimeout(this.timer);
    let running = true; // until the server says otherwise
    try {
      const found = await api.get("api/imports");
      const busy = found.chore.state === "running";
      if (this.busy && !busy && found.act !== "preview") await this.stored();
      running = this.busy = busy;
      this.uuid = found.chore.uuid;
      this.stop.hidden = !busy || found.act !== "preview";
      fill(this.progress, busy && choreWait(found.chore, WORKS[found.act] ?? ""));
      fill(this.body, this.parts(found, running));
    } catch (problem) {
      this.cut.textContent = problem.message;
      this.body.prepend(this.cut); // until the next answer
    }
    if (running) this.timer = setTimeout(() => this.refresh(), ASK_AGAIN);
  }

  parts({ chore, preview, imports }, running) {
    return [
      chore.state === "failed" && h("p", { class: "wb-error" }, chore.message),
      preview && this.preview(preview),
      imports.length > 0 && h("ul", { class: "pj-imports" }, imports.map((entry) => this.entry(entry, running))),
    ];
  }

  // ---- choosing ------------------------------------------------------------------------------------------------

  async upload() {
    const [file] = this.file.files;
    if (!file) return;
    await this.attempt(async () => {
      const own = uuid();
      for (let at = 0; at === 0 || at < file.size; at += PART)
        await api.putBytes(`api/uploads/${own}?name=${encodeURIComponent(file.name)}&at=${at}`, file.slice(at, at + PART));
      await api.post("api/imports/preview", { uuid: uuid(), upload: own, name: file.name });
      this.file.value = "";
    });
  }

  stopLooking() {
    return this.attempt(() => api.post("api/imports/stop", { uuid: this.uuid }));
  }

  async look(source) {
    await this.attempt(() => api.post("api/imports/preview", { uuid: uuid(), ...source }));
  }

  // ---- what would be stored --------------------------------------------------------------------------------------

  preview(found) {
    const newClasses = found.unknown_classes;
    const add = check("add", `Make ${count(newClasses.length, "new class", "new classes")}: ${newClasses.slice(0, 12).map(({ name, rows }) => `${name} (${rows})`).join(", ")}${newClasses.length > 12 ? ", …" : ""}`, true);
    const also = check("also", `Store them too for ${count(found.differ, "image")} with another answer; where people gave it, both stand and the image is disputed`, false);
    const button = h("button", { class: "wb-main", type: "submit" });
    const sum = (items) => items.reduce((rows, item) => rows + item.rows, 0);
    const names = new Set(newClasses.map(({ name }) => name));
    const fresh = sum(found.by_class.filter(({ name }) => names.has(name))); // of the new classes; the others differ
    const say = () => {
      const [first, further] = add.input.checked ? [0, 0] : [fresh, sum(newClasses) - fresh];
      const number = found.fresh - first + (also.input.checked ? found.differ - further : 0);
      button.textContent = number > 0 ? `Store ${count(number, "label")}` : "Nothing to store";
      button.disabled = number <= 0;
    };
    [add.input, also.input].forEach((input) => input.addEventListener("change", say));
    say();
    const store = () =>
      this.attempt(() =>
        api.post("api/imports", { uuid: uuid(), preview: found.uuid, add_classes: newClasses.length > 0 && add.input.checked, also_labeled: also.input.checked }),
      );
    return h(
      "form",
      { class: "pj-preview", onsubmit: (event) => (event.preventDefault(), store()) },
      h("h3", {}, `${found.source}: ${count(found.rows, "row")}`),
      h("ul", {}, sentences(found)),
      h("div", { class: "pj-labeled" }, [...found.samples, ...found.differing].slice(0, 12).map(sample)),
      newClasses.length > 0 && add.element,
      found.differ > 0 && also.element,
      h("div", { class: "pj-act" }, button),
    );
  }

  entry(entry, running) {
    const back = () => this.attempt(() => api.post("api/imports/undo", { uuid: uuid(), id: entry.uuid }));
    const words = entry.undone ? "taken back" : entry.stored === null ? "not finished" : count(entry.stored, "label");
    return h(
      "li",
      {},
      h("span", {}, h("b", {}, entry.source), ` ${words}, by ${entry.by}, ${when(entry.time)}`),
      !entry.undone && h("button", { class: "wb-quiet", type: "button", disabled: running, onclick: back }, "Take back"),
    );
  }

  async attempt(work) {
    await attempt(this.error, work);
    await this.refresh();
  }
}

function sentences(found) {
  const named = (words, files, total) => `${words}: ${files.slice(0, 5).join(", ")}${total > 5 ? ", …" : ""}`;
  return [
    [found.fresh, `${count(found.fresh, "image")} would get ${found.fresh === 1 ? "its" : "their"} first label`],
    [found.measured, `${count(found.measured, "of them is", "of them are")} kept for validation`],
    [found.same, `${count(found.same, "label")} ${found.same === 1 ? "is" : "are"} known already`],
    [found.differ, `${count(found.differ, "image")} ${found.differ === 1 ? "has" : "have"} another answer already`],
    [found.unknown_files, named(`${count(found.unknown_files, "file")} not in this project, left out`, found.first_unknown_files, found.unknown_files)],
    [found.twice, named(`${count(found.twice, "file")} with two different labels, left out`, found.first_twice, found.twice)],
    [found.empty, `${count(found.empty, "row")} without a label, left out`],
  ]
    .filter(([number]) => number > 0)
    .map(([, words]) => h("li", {}, words));
}

function sample({ thumb, file, label, present }) {
  return h(
    "figure",
    {},
    h("img", { class: "wb-thumb", src: thumb, alt: file, loading: "lazy" }),
    h("figcaption", { title: present ? `${present} → ${label}` : label }, present ? `${present} → ${label}` : label),
  );
}

function check(name, words, checked) {
  const input = h("input", { type: "checkbox", name, checked });
  return { input, element: h("label", { class: "pj-check" }, input, h("span", {}, words)) };
}
