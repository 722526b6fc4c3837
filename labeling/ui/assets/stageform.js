// What to run: the round with two numbers, or one stage with a recipe, minutes, and as many settings as one wants.

import * as api from "./api.js";
import { alertBox, count, fill, h, sentence, uuid, when } from "./dom.js";
import { FieldForm } from "./forms.js";
import { stageWords } from "./runwords.js";
import { duration } from "./wait.js";

const NAMES = ["pretrain", "train-classifier", "fixmatch", "embed"];
const USUAL = 100; // images that a round asks for, where there are so many
const ASK_AGAIN = 1500; // milliseconds, while steps are timed

/** The form of a round. */
export class RoundForm {
  constructor({ started }) {
    this.started = started;
    this.offered = String(USUAL);
    this.minutes = number("minutes", "10", "decimal");
    this.budget = number("budget", USUAL, "numeric");
    this.asking = h("label", {}, "Images to ask for", this.budget);
    this.most = h("p", { class: "wb-hint" });
    this.error = alertBox();
    this.go = h("button", { class: "wb-main", type: "submit" }, "Run the round");
    this.waiting = h("p", { class: "wb-hint" });
    const intro =
      "Learns from all images and from the labels there are, then asks about the images whose labels help most. It does only what is missing, and it goes on when you close this page.";
    this.element = h(
      "form",
      { class: "tr-card tr-round", "aria-label": "Run the round", onsubmit: (event) => this.start(event) },
      h("h2", {}, "The round"),
      h("p", {}, intro),
      h("div", { class: "tr-line" }, h("label", {}, "Minutes", this.minutes), this.asking, this.go),
      this.most,
      this.waiting,
      this.error,
    );
    this.reload();
  }

  /** Say how many images there are to ask for, and offer no more than those. */
  async reload() {
    const found = await api.get("api/rounds").catch(() => null);
    if (!found) return; // whoever asks for too many is told when the round is started
    const most = found.asked + found.free;
    this.asking.hidden = this.budget.disabled = most === 0;
    if (this.budget.value.trim() === this.offered) this.budget.value = this.offered = String(Math.min(USUAL, most));
    this.most.textContent = mostWords(found);
  }

  busy(running) {
    this.go.disabled = Boolean(running);
    this.waiting.textContent = running ? `One run at a time: wait until this one is done, or stop it.` : "";
    this.waiting.hidden = !running;
  }

  async start(event) {
    event.preventDefault();
    this.error.textContent = "";
    const wish = { uuid: uuid(), minutes: value(this.minutes) };
    if (!this.budget.disabled) wish.budget = value(this.budget);
    try {
      await this.started(await api.post("api/rounds", wish));
    } catch (error) {
      const name = { minutes: "Minutes", budget: "Images to ask for" }[error.field];
      this.error.textContent = name ? `${name}: ${error.message}` : error.message;
      await this.reload();
    }
  }
}

/** The four stages, and the form of the chosen one. */
export class StageForm {
  constructor({ started }) {
    this.started = started;
    this.tabs = NAMES.map((name) =>
      h(
        "label",
        { class: "tr-stage" },
        h("input", { type: "radio", name: "stage", value: name, onchange: () => this.choose(name) }),
        h("b", {}, stageWords(name)),
        h("small"),
      ),
    );
    this.body = h("div", { class: "tr-body" });
    this.element = h(
      "form",
      { class: "tr-card", "aria-label": "Run one stage", onsubmit: (event) => this.start(event) },
      h("h2", {}, "A single stage"),
      h("fieldset", { class: "tr-stages", "aria-label": "Stage" }, this.tabs),
      this.body,
    );
    this.describe();
  }

  /** Write below each stage what it is for, or what it still needs. */
  async describe() {
    const forms = await Promise.all(NAMES.map((name) => api.get(`api/forms/${name}`).catch(() => null)));
    forms.forEach((form, place) => {
      const words = this.tabs[place].querySelector("small");
      words.textContent = form?.lacks ? sentence(form.lacks) : (form?.about ?? "");
      words.classList.toggle("tr-lacks", Boolean(form?.lacks));
    });
  }

  busy(running) {
    this.running = running;
    if (this.go) this.go.disabled = Boolean(running) || Boolean(this.form.lacks);
  }

  /** The runs have changed: what can be started from has too. */
  async reload() {
    await this.describe();
    if (this.form && Object.keys(this.fields.values()).length === 0) await this.choose(this.form.stage);
  }

  async choose(name) {
    clearTimeout(this.timer);
    const turn = (this.turn = (this.turn ?? 0) + 1);
    try {
      const form = await api.get(`api/forms/${name}`);
      if (turn === this.turn) this.build(form);
    } catch (error) {
      fill(this.body, alertBox(error.message));
    }
  }

  build(form) {
    this.form = form;
    this.preset = h("select", { name: "preset", onchange: () => this.take() }, form.presets.map((preset) => h("option", { value: preset.name }, preset.name)));
    this.preset.value = form.preset;
    this.words = h("small", { class: "tr-preset" });
    this.minutes = h("input", { name: "minutes", inputmode: "decimal", autocomplete: "off", placeholder: "as the recipe says" });
    this.picked = false; // whether somebody chose what to start from
    this.source = h("select", { name: "starts_from", onchange: () => (this.picked = true) });
    const known = form.sources.map((run) => h("option", { value: run.name }, `${stageWords(run.stage)}, ${when(run.created)}`));
    fill(this.source, known, form.stage !== "embed" && h("option", { value: "" }, "nothing: untrained"));
    this.fields = new FieldForm(form.fields, { onchange: () => this.forget() });
    this.estimate = h("p", { class: "tr-estimate", role: "status" });
    this.error = alertBox();
    this.go = h("button", { class: "wb-main", type: "submit" }, form.start);
    const ask = h("button", { type: "button", onclick: () => this.ask() }, "How long?");
    this.basic = h("details", { class: "form-more" }, h("summary", {}, "Settings"), this.fields.element);
    fill(
      this.body,
      form.lacks && h("p", { class: "tr-warning" }, `${sentence(form.lacks)}.`),
      h(
        "div",
        { class: "tr-line" },
        form.presets.length > 1 && h("label", {}, "Recipe", this.preset),
        form.timed && h("label", {}, "Minutes", this.minutes),
        (known.length > 0 || form.stage === "embed") && h("label", {}, form.stage === "embed" ? "Model" : "Starts from", this.source),
      ),
      form.presets.length > 1 && this.words,
      this.basic,
      h("div", { class: "tr-line" }, this.go, !form.lacks && ask, this.estimate),
      this.error,
    );
    this.take();
    this.busy(this.running);
  }

  /** Take the values of the chosen recipe, and start from a run that trained the same network, else from nothing. */
  take() {
    const preset = this.form.presets.find(({ name }) => name === this.preset.value);
    this.words.textContent = preset.about;
    this.fields.show(preset.values);
    const { backbone } = preset.values;
    const fits = (run) => !backbone || !run.backbone || run.backbone === backbone;
    if (!this.picked) this.source.value = this.form.sources.find(fits)?.name ?? "";
    this.forget();
  }

  forget() {
    clearTimeout(this.timer);
    this.estimate.textContent = "";
  }

  wish() {
    const wish = { stage: this.form.stage, preset: this.preset.value, config: this.fields.values() };
    if (this.form.timed && this.minutes.value.trim()) wish.minutes = value(this.minutes);
    if (this.form.sources.length > 0) wish.starts_from = this.source.value;
    return wish;
  }

  async start(event) {
    event.preventDefault();
    if (!this.form) return;
    this.error.textContent = "";
    try {
      await this.started(await api.post("api/runs", { uuid: uuid(), ...this.wish() }));
    } catch (error) {
      this.blame(error);
    }
  }

  blame(error) {
    if (this.fields.complain(error)) this.basic.open = true;
    else this.error.textContent = error.message;
  }

  /** Ask how long it takes; while steps are timed, ask again. */
  async ask() {
    clearTimeout(this.timer);
    this.error.textContent = "";
    try {
      const told = await api.post("api/estimate", this.wish());
      const words = told.seconds === null ? told.message : `About ${duration(told.seconds)} for ${count(told.steps, this.form.stage === "embed" ? "image" : "step")}. ${told.message}`;
      const limit = this.form.timed && this.minutes.value.trim() && told.state === "known" ? ` With the minutes above it ends after ${this.minutes.value.trim()}.` : "";
      this.estimate.textContent = words + limit;
      if (told.state === "timing") this.timer = setTimeout(() => this.ask(), ASK_AGAIN);
    } catch (error) {
      this.estimate.textContent = "";
      this.blame(error);
    }
  }
}

function mostWords({ asked, free }) {
  const [most, waiting, others] = [asked + free, asked, free].map((number) => number.toLocaleString("en"));
  if (asked + free === 0) return "No image is left to ask for: the round learns, and asks for nothing.";
  if (asked === 0) return `At most ${count(free, "image")}: the others have a label, or may not be asked for.`;
  return `At most ${most}: ${waiting} that ${asked === 1 ? "waits" : "wait"} for an answer already, and ${others} more.`;
}

function number(name, start, mode) {
  return h("input", { name, value: start, inputmode: mode, autocomplete: "off", size: 6, required: true });
}

/** A number where it is one, else the text, for the server to complain of. */
function value(input) {
  const parsed = Number(input.value.trim());
  return input.value.trim() !== "" && Number.isFinite(parsed) ? parsed : input.value.trim();
}
