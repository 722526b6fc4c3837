// The Export page: choose a form, start, watch, take away, remove.

import * as api from "./api.js";
import { openDialog } from "./dialog.js";
import { alertBox, attempt, count, fill, h, meter, uuid, when } from "./dom.js";
import { browseAddress, pageHead, whoAmI } from "./page.js";
import { stopButton } from "./wait.js";

const FORMATS = [
  [
    "folders",
    "Class folders",
    "One folder a class, one file an image. Read by torchvision, timm, fastai and most other tools.",
  ],
  ["seed", "Training layout", "train/0.png … with train_label_tensor.pt, as BarlowMatch's commands read it."],
  ["csv", "Tables only", "labels.csv and manifest.csv, with the files where they are. Fastest, and takes no space."],
];
const ASK_AGAIN = 1000; // milliseconds, while an export runs

/** Build the page inside `host` and start it. */
export async function mount(host) {
  await whoAmI(host);
  const progress = await api.get("api/progress");
  const page = new ExportPage(host, progress);
  await page.refresh();
}

class ExportPage {
  constructor(host, { labeled, disputed, suspects, images }) {
    this.host = host;
    this.error = alertBox();
    this.name = h("input", {
      name: "name",
      maxlength: 80,
      autocomplete: "off",
      spellcheck: "false",
      placeholder: "named by date",
    });
    this.go = h("button", { class: "wb-main", type: "submit" }, "Export");
    this.away = alertBox();
    this.list = h("div", { class: "wb-exports", "aria-live": "polite" });
    this.cards = new Map();
    const waiting =
      disputed > 0
        ? [` ${count(disputed, "image")} on which people disagree ${disputed === 1 ? "is" : "are"} left out; settle them `, toBrowse({ state: "disputed" }), "."]
        : "";
    const doubted =
      suspects > 0 ? [` ${count(suspects, "label")} ${suspects === 1 ? "looks" : "look"} wrong; see them `, toBrowse({ suspect: true }), "."] : "";
    const about = [`${count(labeled, "image")} of ${images.toLocaleString("en")} ${labeled === 1 ? "has" : "have"} a label.`, waiting, doubted];
    const choices = FORMATS.map(([format, title, text], place) =>
      h(
        "label",
        { class: "wb-format" },
        h("input", { type: "radio", name: "format", value: format, checked: place === 0 }),
        h("b", {}, title),
        text,
      ),
    );
    this.form = h(
      "form",
      { class: "wb-form", onsubmit: (event) => this.start(event) },
      h("fieldset", { class: "wb-formats", "aria-label": "Form" }, choices),
      h("div", { class: "wb-take" }, h("label", {}, "Name", this.name), this.go),
      this.error,
    );
    const head = pageHead("Export labels and images");
    fill(
      host,
      h(
        "div",
        { class: "wb-export" },
        h("div", {}, head, h("p", { class: "wb-hint" }, about), this.form, h("h2", {}, "Exports"), this.away, this.list),
      ),
    );
  }

  async start(event) {
    event.preventDefault();
    const body = { uuid: uuid(), format: new FormData(this.form).get("format") };
    if (this.name.value.trim()) body.name = this.name.value.trim();
    this.go.disabled = true;
    if (await attempt(this.error, () => api.post("api/exports", body))) this.name.value = "";
    this.go.disabled = false;
    await this.refresh();
  }

  async refresh() {
    clearTimeout(this.timer);
    let running = true;
    try {
      const { exports } = await api.get("api/exports");
      running = exports.some((entry) => entry.state === "running");
      this.away.textContent = "";
      this.show(exports);
    } catch (error) {
      this.away.textContent = error.message;
    }
    if (running) this.timer = setTimeout(() => this.refresh(), ASK_AGAIN);
  }

  /** Show exports; a card stays while its export is listed, so that it keeps the focus and a press on it. */
  show(exports) {
    const before = [...this.cards.keys()];
    const ways = { stop: (entry) => this.stop(entry), remove: (entry) => this.remove(entry) };
    this.cards = new Map(exports.map((entry) => [key(entry), this.cards.get(key(entry)) ?? new Card(entry, ways)]));
    const now = [...this.cards.keys()];
    if (now.length === 0) fill(this.list, h("p", { class: "wb-hint" }, "Nothing was exported yet."));
    else if (now.join() !== before.join()) fill(this.list, [...this.cards.values()].map(({ element }) => element));
    for (const entry of exports) this.cards.get(key(entry)).show(entry);
  }

  async stop({ name, uuid }) {
    try {
      await api.post(`api/exports/${encodeURIComponent(name)}/stop`, { uuid });
    } catch (error) {
      this.away.textContent = error.message;
      return;
    }
    await this.refresh();
  }

  /** Say what goes before it does. */
  remove({ name, path, created }) {
    const error = alertBox();
    const wish = { uuid: uuid(), created };
    const remove = async () => {
      go.disabled = true;
      const done = await attempt(error, async () =>
        this.show((await api.post(`api/exports/${encodeURIComponent(name)}/remove`, wish)).exports),
      );
      go.disabled = false;
      if (done) dialog.close();
    };
    const go = h("button", { class: "wb-main", type: "button", onclick: remove }, "Remove it");
    const keep = h("button", { type: "button", autofocus: true, onclick: () => dialog.close() }, "Keep it");
    const content = h(
      "div",
      { class: "wb-form" },
      h("p", {}, "The folder ", h("b", {}, path), " goes from the disk with all that is in it, for good. The images and labels of the project stay."),
      error,
      h("div", { class: "wb-row" }, keep, go),
    );
    const dialog = openDialog(this.host, `Remove the export ${name}?`, content);
  }
}

function toBrowse(filters) {
  return h("a", { href: browseAddress(filters) }, "in Browse");
}

/** What tells an export from an earlier one of its name. */
function key(entry) {
  return `${entry.name} ${entry.created}`;
}

/** One export: what it is, how far, and where. */
class Card {
  constructor(entry, { stop, remove }) {
    const title = FORMATS.find(([format]) => format === entry.format)?.[1] ?? entry.format;
    this.stop = stopButton(() => stop(entry));
    this.remove = h("button", { class: "wb-quiet wb-admins", type: "button", onclick: () => remove(entry) }, "Remove");
    this.state = h("div", { class: "wb-state" });
    this.element = h(
      "article",
      {},
      h("header", {}, h("b", {}, entry.name), h("small", {}, `${title} · ${when(entry.created)}`), h("span", { class: "wb-space" }), this.stop, this.remove),
      this.state,
    );
  }

  show(entry) {
    const told = JSON.stringify(entry);
    if (told === this.told) return;
    this.told = told;
    this.element.dataset.state = entry.state;
    this.stop.hidden = entry.state !== "running";
    this.remove.hidden = entry.state !== "done";
    fill(this.state, state(entry));
  }
}

function state(entry) {
  if (entry.state === "failed")
    return h("div", { class: "wb-error" }, entry.message ?? "It failed; nothing was left behind.");
  if (entry.state === "stopped") return h("small", {}, "Stopped; nothing was left behind.");
  if (entry.state === "running") {
    const share = entry.total ? entry.done / entry.total : 0;
    const bar = meter(share, { role: "progressbar", "aria-valuenow": entry.done, "aria-valuemax": entry.total });
    return [bar, h("small", {}, `${entry.done.toLocaleString("en")} of ${count(entry.total, "image")}`)];
  }
  const left = Object.entries(entry.left_out ?? {})
    .filter(([, number]) => number > 0)
    .map(([why, number]) => `${number.toLocaleString("en")} (${why})`);
  const words = `${count(entry.labeled, "labeled image")}${left.length ? `, left out: ${left.join(", ")}` : ""}`;
  const file = (name) =>
    h(
      "a",
      {
        href: new URL(`api/exports/${encodeURIComponent(entry.name)}/${name}`, api.BASE),
        download: `${entry.name}-${name}`,
      },
      name,
    );
  return [
    entry.message && h("p", { class: "wb-warned" }, entry.message),
    h("small", {}, words),
    h("code", {}, entry.path),
    h("div", { class: "wb-take" }, file("labels.csv"), file("manifest.csv")),
  ];
}
