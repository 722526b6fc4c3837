// The dataset report: what the images are, what is wrong with them, and some of them to look at.

import * as api from "./api.js";
import { alertBox, attempt, count, fill, h, uuid } from "./dom.js";
import { choreWait, stopButton } from "./wait.js";

const ASK_AGAIN = 700; // milliseconds, while the folder is read
const SPLITS = { train: "to learn from", val: "validation", test: "test", unlabeled: "unlabeled" };

/** The panel with the report; `read` is called when the folder was read anew. */
export class DatasetReport {
  constructor({ read }) {
    this.read = read;
    this.progress = h("div");
    this.body = h("div", { class: "pj-report" });
    this.error = alertBox();
    this.cut = h("p", { class: "wb-error" });
    this.again = h("button", { class: "wb-admins", type: "button", onclick: () => this.readAgain() }, "Read the folder again");
    this.stop = stopButton(() => this.stopReading());
    this.element = h(
      "section",
      { class: "pj-card", "aria-label": "Images" },
      h("header", { class: "wb-head" }, h("h2", {}, "Images"), h("span", { class: "wb-space" }), this.stop, this.again),
      this.error,
      this.progress,
      this.body,
    );
  }

  async refresh() {
    clearTimeout(this.timer);
    let running = true; // until the server says otherwise
    try {
      const found = await api.get("api/dataset");
      const reading = found.reading.state === "running";
      if (this.wasRunning && !reading) await this.read();
      running = this.wasRunning = reading;
      this.uuid = found.reading.uuid;
      this.again.hidden = reading;
      this.stop.hidden = !reading;
      fill(this.progress, reading && choreWait(found.reading, "Reading the folder"));
      fill(this.body, this.parts(found));
    } catch (problem) {
      this.cut.textContent = problem.message;
      this.body.prepend(this.cut); // until the next answer
    }
    if (running) this.timer = setTimeout(() => this.refresh(), ASK_AGAIN);
  }

  parts(found) {
    const { report, reading } = found;
    return [
      h("p", { class: "pj-root" }, h("code", {}, found.root)),
      reading.state === "failed" && h("p", { class: "wb-error" }, `The folder could not be read: ${reading.message}`),
      reading.state === "stopped" && h("p", { class: "wb-hint" }, "Reading was stopped; nothing has changed."),
      reading.state === "done" && h("p", { class: "wb-hint" }, changes(found.changed)),
      !found.there && this.moved(),
      found.missing > 0 && h("p", { class: "pj-warning" }, `${count(found.missing, "image")} of the project ${found.missing === 1 ? "has" : "have"} no file any more; labels are kept.`),
      report ? facts(report) : h("p", { class: "wb-hint" }, "The folder was not read by this version yet: read it again for a report."),
      samples(found.samples),
      report && troubles(report),
    ];
  }

  /** Ask where the images went. */
  moved() {
    const path = h("input", { name: "folder", placeholder: "/where/the/images/are/now", autocomplete: "off", spellcheck: "false" });
    return h(
      "form",
      { class: "pj-warning wb-take wb-admins", onsubmit: (event) => (event.preventDefault(), this.readAgain(path.value)) },
      h("p", {}, "The folder is not there. If it was moved, say where it is now; images are found again by their content."),
      h("label", {}, "Folder of the images", path),
      h("button", { type: "submit" }, "Look there"),
    );
  }

  readAgain(folder) {
    return this.send("api/dataset/read", { uuid: uuid(), ...(folder ? { folder } : {}) });
  }

  stopReading() {
    return this.send("api/dataset/stop", { uuid: this.uuid });
  }

  send(path, wish) {
    return attempt(this.error, async () => {
      await api.post(path, wish);
      await this.refresh();
    });
  }
}

function changes({ added = 0, moved = 0, gone = 0, replaced = 0, unlike = 0 }) {
  const parts = Object.entries({ new: added, moved, gone, replaced }).filter(([, number]) => number > 0);
  const files = parts.length ? `Read again: ${parts.map(([what, number]) => `${number.toLocaleString("en")} ${what}`).join(", ")}.` : "Read again: no file has changed.";
  return unlike ? `${files} Labels that the folder has and the project lacks: ${unlike.toLocaleString("en")}. Import labels below to take them in.` : files;
}

function facts(report) {
  const { sizes, splits } = report;
  const rows = [
    ["Images", `${report.images.toLocaleString("en")}, ${megabytes(report.bytes)}, ${listed(report.formats)}`],
    sizes && ["Sizes", sizeWords(sizes)],
    ["Found as", `${report.layout} layout${report.layout === "class-folders" ? ": the folders' names are the classes" : ""}`],
    report.groups && ["Groups", `${report.groups.count.toLocaleString("en")}, the largest of ${count(report.groups.largest, "image")}`],
    ...Object.entries(splits).map(([split, { images, labeled }]) => [SPLITS[split] ?? split, `${images.toLocaleString("en")}${labeled ? `, ${labeled === images ? "all" : labeled.toLocaleString("en")} labeled already` : ""}`]),
  ];
  return h("dl", { class: "pj-facts" }, rows.filter(Boolean).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

function sizeWords({ smallest, largest, median_side, different, common }) {
  if (different === 1) return `all ${shape(smallest)} px`;
  const most = common.slice(0, 3).map((item) => `${shape(item)} (${item[2].toLocaleString("en")})`);
  return `${shape(smallest)} to ${shape(largest)} px, shorter side ${Math.round(median_side)} px in the middle; most often ${most.join(", ")}`;
}

const shape = ([width, height]) => `${width} × ${height}`;
const megabytes = (bytes) => `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: 1 })} MB`;
const listed = (counts) => Object.entries(counts).map(([name, number]) => `${number.toLocaleString("en")} ${name}`).join(", ");

function samples(pictures) {
  if (!pictures.length) return h("p", { class: "wb-hint" }, "No image is there.");
  return h("div", { class: "pj-samples" }, pictures.map(({ thumb, file }) => h("img", { class: "wb-thumb", src: thumb, alt: file, title: file, loading: "lazy" })));
}

/** What is wrong: sentences first, then broken files and equal images, to be unfolded. */
function troubles(report) {
  const told = [...report.problems, ...report.warnings];
  const broken = report.unreadable.map(({ file, reason }) => h("li", {}, h("code", {}, file), `: ${reason}`));
  const copies = report.copies.map((item) =>
    h("li", { class: "pj-copies" }, item.thumb && h("img", { class: "wb-thumb", src: item.thumb, alt: "", loading: "lazy" }), h("span", {}, item.files.map((file, place) => h("div", {}, h("code", {}, file), ` ${labelOf(item, place)}`)))),
  );
  return [
    told.map((sentence) => h("p", { class: "pj-warning" }, sentence)),
    unfold(`${count(report.unreadable_count, "file")} cannot be read`, broken, report.unreadable_count),
    unfold(`${count(report.copies_count, "image")} ${report.copies_count === 1 ? "is" : "are"} there more than once`, copies, report.copies_count),
    !told.length && !report.unreadable_count && !report.copies_count && h("p", { class: "wb-hint" }, "Every file can be read, and no image is there twice."),
  ];
}

function labelOf({ splits, labels }, place) {
  return [SPLITS[splits[place]] ?? splits[place], labels[place]].filter(Boolean).join(", ");
}

function unfold(title, items, total) {
  if (!total) return null;
  const more = total > items.length && h("li", {}, `… and ${(total - items.length).toLocaleString("en")} more`);
  return h("details", {}, h("summary", {}, title), h("ul", {}, items, more));
}
