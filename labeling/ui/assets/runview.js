// One run: how far it is, its curves, its log, its command line; stop it or let it go on.

import * as api from "./api.js";
import { alertBox, attempt, fill, h, sentence, uuid, when } from "./dom.js";
import { drawPlot } from "./plot.js";
import { accuracies, stageWords, STATES } from "./runwords.js";
import { duration, wait } from "./wait.js";

const MARKS = { waiting: "○", running: "◐", done: "●", skipped: "–", failed: "✕" };
const AGAIN = ["stopped", "failed", "dead"];

/** The view of one run; `show` again and again with what the server says of it. */
export class RunView {
  constructor({ changed, open }) {
    Object.assign(this, { changed, open });
    this.title = h("h2", { tabindex: "-1" });
    this.chip = h("span", { class: "tr-state" });
    this.about = h("small");
    this.stop = h("button", { type: "button", onclick: () => this.act("cancel") }, "Stop");
    this.again = h("button", { type: "button", class: "wb-main", onclick: () => this.act("resume") }, "Go on");
    this.error = alertBox();
    this.progress = h("div");
    this.message = h("div", { class: "tr-message" });
    this.steps = h("ol", { class: "tr-steps" });
    this.figures = h("dl", { class: "tr-figures" });
    this.plots = Object.fromEntries(["loss", "accuracy", "rate"].map((name) => [name, h("div")]));
    this.curves = h(
      "div",
      { class: "tr-plots" },
      Object.entries({ loss: "Loss", accuracy: "Accuracy on the validation images", rate: "Learning rate" }).map(
        ([name, words]) => h("section", { dataset: { plot: name } }, h("h3", {}, words), this.plots[name]),
      ),
    );
    this.log = h("pre", { class: "tr-log", tabindex: "0", "aria-label": "Log" });
    this.command = h("code");
    this.copied = h("span", { role: "status", class: "wb-hint" });
    const copy = h("button", { type: "button", onclick: () => this.copy() }, "Copy");
    this.element = h(
      "article",
      { class: "tr-run" },
      h("header", {}, this.title, this.chip, this.about, h("span", { class: "wb-space" }), this.stop, this.again),
      this.error,
      this.progress,
      this.message,
      this.steps,
      this.figures,
      this.curves,
      h("details", { class: "tr-more" }, h("summary", {}, "Log"), this.log),
      h("details", { class: "tr-more" }, h("summary", {}, "Command line"), h("div", { class: "tr-command" }, this.command, copy, this.copied)),
    );
  }

  focus() {
    this.title.focus({ preventScroll: true });
  }

  async act(what) {
    this.stop.disabled = this.again.disabled = true;
    const path = `api/runs/${encodeURIComponent(this.run.name)}/${what}`;
    await attempt(this.error, () => api.post(path, { uuid: uuid() }));
    this.stop.disabled = this.again.disabled = false;
    await this.changed();
  }

  async copy() {
    try {
      await navigator.clipboard.writeText(this.run.command);
      this.copied.textContent = "Copied.";
    } catch {
      window.getSelection().selectAllChildren(this.command);
      this.copied.textContent = "Chosen; press Ctrl+C.";
    }
  }

  show(run) {
    if (run.name !== this.run?.name) this.error.textContent = this.copied.textContent = "";
    this.run = run;
    this.title.textContent = stageWords(run.stage);
    this.chip.textContent = STATES[run.state];
    this.chip.dataset.state = run.state;
    this.element.dataset.state = run.state;
    const took = run.seconds ? `, ${run.state === "running" ? "for" : "took"} ${duration(run.seconds)}` : "";
    this.about.textContent = `${when(run.created)}${took}`;
    this.stop.hidden = run.state !== "running";
    this.again.hidden = !AGAIN.includes(run.state) || !run.command;
    this.showProgress(run);
    this.showMessage(run);
    this.showSteps(run);
    const figures = run.state === "running" ? [] : accuracies(run.figures);
    fill(this.figures, figures.map(([name, words]) => [h("dt", {}, name), h("dd", {}, words)]));
    this.figures.hidden = figures.length === 0;
    this.draw(run);
    this.write(run);
  }

  showProgress(run) {
    if (run.state !== "running") return fill(this.progress);
    const told = run.progress;
    if (!told) return fill(this.progress, wait({ work: "Starting; this takes some seconds", done: 0, total: 0 }));
    const ended = told.total > 0 && told.done >= told.total; // what follows says nothing while it gets ready
    const rate = ended ? "Done; what follows is getting ready" : told.samples_rate ? `${short(told.samples_rate)} images/s` : told.rate ? `${short(told.rate)} ${told.unit}s/s` : "";
    const work = told.work === run.stage ? `${sentence(told.unit)}s` : sentence(told.work);
    return fill(this.progress, wait({ work, done: told.done, total: told.total, remaining: told.remaining }), h("small", { class: "tr-rate" }, rate));
  }

  showSteps({ steps }) {
    const state = JSON.stringify(steps);
    if (state === this.stepsState) return; // steps that are left alone keep their focus
    this.stepsState = state;
    fill(this.steps, steps.map((step) => this.step(step)));
    this.steps.hidden = steps.length === 0;
  }

  showMessage(run) {
    const warnings = run.said.filter((said) => said.level === "warning").map((said) => h("p", { class: "tr-warning" }, said.message));
    const saved = run.checkpoint ? ` Its checkpoint is of step ${run.checkpoint.toLocaleString("en")}.` : "";
    const ends = {
      failed: `It failed: ${run.message}`,
      dead: `Its process ended without a word. The last line it wrote: ${run.message}`,
      stopped: `It was stopped.${saved}`,
    };
    const last = run.state === "dead" ? h("pre", { class: "tr-log" }, run.log.slice(-8).join("\n")) : null;
    const words = ends[run.state] && h("p", { class: run.state === "stopped" ? "wb-hint" : "wb-error" }, ends[run.state]);
    fill(this.message, warnings, words, last);
  }

  step(step) {
    const link = step.run && h("button", { type: "button", class: "tr-link", onclick: () => this.open(step.run) }, "show");
    return h(
      "li",
      { dataset: { state: step.state } },
      h("span", { class: "tr-mark", "aria-label": step.state, role: "img" }, MARKS[step.state]),
      h("span", {}, h("b", {}, step.title), ` ${step.why}`, step.state !== "skipped" && step.minutes ? ` About ${duration(60 * step.minutes)}.` : "", " ", link),
    );
  }

  draw(run) {
    const x = { label: "step", whole: true };
    const losses = Object.entries(run.curves).filter(([name]) => name.includes("loss"));
    const judged = Object.entries(run.evaluations).filter(([name]) => !/_(low|high)$/.test(name) && name.includes("accuracy"));
    this.plot("loss", losses.map(([name, points]) => line(name, points)), x, { label: "loss" });
    const around = (name) => [run.evaluations[`${name}_low`], run.evaluations[`${name}_high`]];
    this.plot("accuracy", judged.map(([name, points]) => line(name, points, ...around(name))), x, { label: "accuracy", percent: true });
    this.plot("rate", run.curves.lr ? [line("learning rate", run.curves.lr)] : [], x, { label: "learning rate" });
    this.curves.hidden = Object.values(this.plots).every((plot) => plot.parentElement.hidden);
  }

  plot(name, series, x, y) {
    this.plots[name].parentElement.hidden = series.length === 0;
    if (series.length > 0) drawPlot(this.plots[name], { title: y.label, series, x, y, height: 190 });
  }

  write(run) {
    const atEnd = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 40;
    const text = run.log.join("\n") || "It has written nothing yet.";
    if (this.log.textContent !== text) {
      this.log.textContent = text;
      if (atEnd) this.log.scrollTop = this.log.scrollHeight;
    }
    const command = run.command || "It was started by hand.";
    if (this.command.textContent !== command) this.command.textContent = command;
  }
}

function line(name, points, low, high) {
  const bounds = (place) => (low && high ? { low: low[place]?.[1], high: high[place]?.[1] } : {});
  return { name: name.replaceAll("_", " "), points: points.map(([x, y], place) => ({ x, y, ...bounds(place) })) };
}

function short(value) {
  return value.toLocaleString("en", { maximumSignificantDigits: 3 });
}
