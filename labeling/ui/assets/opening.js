// The page before there is a project: open one, or make one of a folder of images; then it goes on into the app.

import * as api from "./api.js";
import { alertBox, attempt, fill, h, uuid } from "./dom.js";
import { browseFolders } from "./folders.js";
import { pageHead } from "./page.js";
import { takeTheme, themeButton } from "./theme.js";
import { choreWait, stopButton } from "./wait.js";

const ASK_AGAIN = 500; // milliseconds, while the images are read
const LATEST = 4; // recent projects in sight: a new one is to be reached without scrolling, on a phone too
const TYPING = 250; // milliseconds without a key before a path is looked at

/** Build the page inside `host` and start it. */
export async function mount(host) {
  const found = await api.get("api/opening");
  takeTheme();
  const page = new OpeningPage(host, found);
  if (found.making.state === "running") page.follow();
}

class OpeningPage {
  constructor(host, found) {
    Object.assign(this, { host, found });
    this.images = this.field("images", "Folder of your images", "Only read, never written to.");
    this.project = this.field("project", "Where the project is kept", "Labels, models and everything else; on a local disk.");
    this.classes = this.choice();
    this.error = alertBox();
    this.progress = h("div", { "aria-live": "polite" });
    this.go = h("button", { class: "wb-main", type: "submit", disabled: true }, "Make the project");
    this.stop = stopButton(() => this.attempt(() => this.stopMaking()));
    this.form = h(
      "form",
      { class: "pj-card", onsubmit: (event) => (event.preventDefault(), this.submit()) },
      h("h2", {}, "A new project"),
      this.images.element,
      this.classes.element,
      this.project.element,
      h("div", { class: "pj-act" }, this.go, this.stop),
      this.error,
      this.progress,
    );
    const head = pageHead("BarlowMatch", themeButton());
    const about = h("p", { class: "wb-hint" }, "Choose the folder with your images and label them; a model learns meanwhile and asks about those that help it most.");
    fill(host, h("div", { class: "pj-page" }, h("div", {}, head, about, this.recent(), this.form)));
    if (found.wanted) {
      this.project.input.value = found.wanted;
      this.chosen = true;
      this.check();
    }
    if (!found.recent.length) this.images.input.focus(); // else the projects above it would scroll away
  }

  field(name, title, hint) {
    const words = h("small", { class: "op-words", id: `op-${name}`, "aria-live": "polite" }, hint);
    const later = () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.check(), TYPING);
    };
    const input = h("input", {
      name, autocomplete: "off", spellcheck: "false", placeholder: `${this.found.home}/…`, "aria-describedby": `op-${name}`,
      oninput: () => ((this.chosen ||= name === "project"), later()),
    });
    const choose = async () => {
      const path = await browseFolders(this.host, title, input.value.trim() || this.found.home);
      if (path === null) return;
      input.value = path;
      this.chosen ||= name === "project";
      this.check();
    };
    const element = h(
      "div",
      { class: "op-field" },
      h("label", {}, title, input),
      h("button", { type: "button", onclick: choose, "aria-label": `Choose: ${title}` }, "Choose…"),
      words,
    );
    return { input, words, element, hint };
  }

  /** Whether folders are classes; it is asked where they would be taken for some. */
  choice() {
    const words = h("small", { class: "op-words", id: "op-classes", "aria-live": "polite" });
    const box = h("input", { type: "checkbox", name: "class_folders", checked: true, "aria-describedby": "op-classes", onchange: () => ((this.said = true), this.explain()) });
    const element = h("div", { class: "op-choice", hidden: true }, h("label", { class: "pj-check" }, box, "Take folders for classes"), words);
    return { box, words, element };
  }

  recent() {
    if (!this.found.recent.length) return null;
    const open = (folder) => this.attempt(() => this.open(folder));
    const buttons = this.found.recent.map(({ name, folder }) =>
      h("button", { type: "button", onclick: () => open(folder) }, h("b", {}, name), h("small", {}, folder)),
    );
    const older = buttons.splice(LATEST);
    return h(
      "section",
      { class: "pj-card", "aria-label": "Recent projects" },
      h("h2", {}, "Recent projects"),
      h("div", { class: "op-recent" }, buttons, older.length ? h("details", {}, h("summary", {}, `Older ones (${older.length})`), h("div", {}, older)) : null),
    );
  }

  /** Look at both folders, and suggest where the project may lie until a place was typed. */
  async check() {
    const wish = { images: this.images.input.value, project: this.project.input.value };
    const seen = await api.post("api/opening/check", wish).catch((problem) => void (this.error.textContent = problem.message));
    if (!seen || wish.images !== this.images.input.value || wish.project !== this.project.input.value) return;
    if (!this.chosen && seen.suggested && seen.suggested !== wish.project) {
      this.project.input.value = seen.suggested;
      return this.check();
    }
    this.tell(this.images, seen.images);
    this.tell(this.project, seen.project);
    this.opens = seen.project?.state === "open";
    this.offer(this.opens ? null : seen.classes, seen.taken, wish.images);
    this.go.textContent = this.opens ? "Open the project" : "Make the project";
    this.go.disabled = !(this.opens || (seen.images?.ok && seen.project?.ok));
  }

  tell(field, place) {
    field.words.textContent = place ? place.words : field.hint;
    field.words.dataset.state = place ? (place.ok ? "ok" : "no") : "";
    field.input.setAttribute("aria-invalid", String(place?.ok === false));
  }

  /** Offer to take folders for classes or not, beginning with what they look like; other images, another choice. */
  offer(classes, taken, images) {
    if (images !== this.looked) {
      this.classes.box.checked = taken;
      this.said = false;
    }
    this.looked = images;
    this.taken = taken;
    this.become = classes;
    this.classes.element.hidden = !classes;
    this.explain();
  }

  explain() {
    const { checked } = this.classes.box;
    let words = "No image gets a label from its folder, and nothing is moved.";
    if (checked) words = "Every image in a folder gets the folder's name for a label, and nothing is moved.";
    if (checked === this.taken) {
      words = `${this.become} ${checked ? "Are they days, cameras or photographers? Then untick" : "Are they classes all the same? Then tick"} this; nothing is moved.`;
    }
    this.classes.words.textContent = words;
  }

  submit() {
    const project = this.project.input.value.trim();
    if (this.opens) return this.attempt(() => this.open(project));
    return this.attempt(async () => {
      await api.post("api/opening/make", { uuid: uuid(), images: this.images.input.value.trim(), project, class_folders: this.said ? this.classes.box.checked : null });
      await this.follow();
    });
  }

  /** Show how far the images are read, then open the project. */
  async follow() {
    const { making, folder } = await api.get("api/opening");
    const running = making.state === "running";
    this.uuid = making.uuid;
    this.go.disabled = running;
    this.stop.hidden = !running;
    fill(this.progress, running && choreWait(making, "Reading the images"));
    if (running) {
      this.asking = setTimeout(() => this.attempt(() => this.follow()), ASK_AGAIN);
    } else if (making.state === "stopped") {
      fill(this.progress, h("p", { class: "wb-hint" }, "Stopped; no project was made."));
    } else if (making.state === "failed") {
      throw new Error(making.message);
    } else {
      await this.open(folder);
    }
  }

  async stopMaking() {
    clearTimeout(this.asking);
    await api.post("api/opening/stop", { uuid: this.uuid });
    await this.follow();
  }

  async open(folder) {
    fill(this.progress, h("p", { class: "wb-hint" }, "Opening the project…"));
    await api.post("api/opening/open", { folder });
    window.location.href = new URL("project", api.BASE);
  }

  async attempt(work) {
    if (!(await attempt(this.error, work))) fill(this.progress);
  }
}
