// The runs before: a table, and two of them side by side.

import * as api from "./api.js";
import { alertBox, fill, h, when } from "./dom.js";
import { drawPlot } from "./plot.js";
import { accuracies, bestFigure, stageWords, STATES } from "./runwords.js";
import { duration } from "./wait.js";

/** The history of runs; two that are ticked are compared. */
export class History {
  constructor({ open }) {
    this.open = open;
    this.chosen = [];
    this.rows = h("tbody");
    this.none = h("p", { class: "wb-hint" }, "Nothing was run yet.");
    const heads = ["Compare", "Run", "State", "Started", "Took", "Labels", "Accuracy"];
    this.table = h(
      "div",
      { class: "tr-scroll tr-runs" },
      h("table", {}, h("thead", {}, h("tr", {}, heads.map((name) => h("th", { scope: "col" }, name)))), this.rows),
    );
    this.compared = h("div", { class: "tr-compared", "aria-live": "polite" });
    this.element = h("section", { class: "tr-history" }, h("h2", {}, "Runs"), this.none, this.table, this.compared);
  }

  show(runs, current) {
    const state = JSON.stringify([runs.map((run) => [run.name, run.state, run.figures, run.state === "running" ? 0 : run.seconds]), current]);
    if (state === this.state) return; // a table that is left alone keeps its focus
    this.state = state;
    this.runs = runs;
    this.none.hidden = runs.length > 0;
    this.table.hidden = runs.length === 0;
    const focused = document.activeElement?.dataset?.key;
    fill(this.rows, runs.map((run) => this.row(run, current)));
    if (focused) this.rows.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  row(run, current) {
    const box = h("input", {
      type: "checkbox",
      checked: this.chosen.includes(run.name),
      dataset: { key: `compare ${run.name}` },
      "aria-label": `Compare ${stageWords(run.stage)} of ${when(run.created)}`,
      onchange: () => this.choose(run.name, box.checked),
    });
    const show = h(
      "button",
      { type: "button", class: "tr-link", dataset: { key: `show ${run.name}` }, onclick: () => this.open(run.name) },
      stageWords(run.stage),
    );
    const cells = [
      box,
      [show, run.within && h("small", {}, " of a round")],
      h("span", { class: "tr-state", dataset: { state: run.state } }, STATES[run.state]),
      when(run.created),
      run.state === "running" ? "" : duration(run.seconds),
      run.labels.train?.toLocaleString("en") ?? "",
      bestFigure(run.figures),
    ];
    return h("tr", { "aria-current": run.name === current ? "true" : null, dataset: { run: run.name } }, cells.map((cell) => h("td", {}, cell)));
  }

  /** Tick or untick a run; a third one takes the place of the first. */
  async choose(name, ticked) {
    this.chosen = this.chosen.filter((other) => other !== name);
    if (ticked) this.chosen = [...this.chosen, name].slice(-2);
    for (const box of this.rows.querySelectorAll("input")) box.checked = this.chosen.includes(box.dataset.key.slice("compare ".length));
    if (this.chosen.length < 2) return fill(this.compared);
    try {
      const pair = await Promise.all(this.chosen.map((run) => api.get(`api/runs/${encodeURIComponent(run)}`)));
      this.compare(pair);
    } catch (error) {
      fill(this.compared, alertBox(error.message));
    }
    return undefined;
  }

  compare(pair) {
    const named = (run) => `${stageWords(run.stage)}, ${when(run.created)}`;
    const names = pair.map(named);
    const alike = names[0] === names[1] ? pair.map((run) => run.name) : names;
    const settings = (run) => ({
      stage: stageWords(run.stage),
      preset: run.about.preset ?? "",
      "time given": run.about.minutes ? duration(60 * run.about.minutes) : "",
      "started from": this.runs.filter(({ name }) => name === run.about.starts_from).map(named)[0] ?? run.about.starts_from ?? "",
      ...run.about.config,
      "labels learned from": run.labels.train ?? "",
      took: duration(run.seconds),
      ...Object.fromEntries(accuracies(run.figures)),
    });
    const [first, second] = pair.map(settings);
    const keys = [...new Set([...Object.keys(first), ...Object.keys(second)])];
    const rows = keys.map((key) => {
      const cells = [first[key] ?? "", second[key] ?? ""].map(String);
      return h("tr", { class: cells[0] === cells[1] ? null : "tr-differs" }, h("th", { scope: "row" }, key.replaceAll("_", " ")), cells.map((cell) => h("td", {}, cell)));
    });
    const head = h("tr", {}, h("td"), alike.map((name) => h("th", { scope: "col" }, name)));
    const plots = ["loss", "accuracy"].map((kind) => this.plot(kind, pair, alike)).filter(Boolean);
    fill(
      this.compared,
      h("h2", {}, "Compared"),
      h("div", { class: "tr-scroll" }, h("table", {}, h("thead", {}, head), h("tbody", {}, rows))),
      h("div", { class: "tr-plots" }, plots),
    );
    for (const { dataset, spec } of this.drawn) drawPlot(dataset, spec);
  }

  plot(kind, pair, names) {
    if (kind === "loss") this.drawn = [];
    const points = (run) => (kind === "loss" ? run.curves.loss : (run.evaluations.accuracy ?? run.evaluations.knn_accuracy));
    const series = pair.map((run, place) => ({ name: names[place], points: (points(run) ?? []).map(([x, y]) => ({ x, y })) }));
    if (series.every((line) => line.points.length === 0)) return null;
    const area = h("div");
    this.drawn.push({ dataset: area, spec: { title: kind, series, x: { label: "step", whole: true }, y: { label: kind, percent: kind === "accuracy" }, height: 220 } });
    return h("section", {}, h("h3", {}, kind === "loss" ? "Loss" : "Accuracy"), area);
  }
}
