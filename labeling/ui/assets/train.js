// The Train page: what runs now, what to run next, and what came of the runs before.

import * as api from "./api.js";
import { alertBox, fill, h } from "./dom.js";
import { Launcher } from "./launcher.js";
import { pageHead, whoAmI } from "./page.js";
import { History } from "./runhistory.js";
import { RunView } from "./runview.js";
import { RoundForm, StageForm } from "./stageform.js";

const WHILE_RUNNING = 1000; // milliseconds between two looks
const OTHERWISE = 5000;

/** Build the page inside `host` and start it. */
export async function mount(host) {
  await whoAmI(host);
  const page = new TrainPage(host);
  await page.refresh();
}

class TrainPage {
  constructor(host) {
    const started = (run) => this.started(run);
    this.selected = null; // name of the run that is looked at; null: the one that runs
    this.round = new RoundForm({ started });
    this.stage = new StageForm({ started });
    this.view = new RunView({ changed: () => this.refresh(), open: (name) => this.select(name) });
    this.history = new History({ open: (name) => this.select(name) });
    this.error = alertBox();
    this.now = h("section", { class: "tr-now", "aria-label": "Run", hidden: true }, this.view.element);
    const head = pageHead("Train");
    const wishes = h("div", { class: "tr-wishes" }, this.round.element, this.stage.element);
    fill(host, h("div", { class: "tr-page" }, h("div", {}, head, this.error, this.now, wishes, this.history.element, new Launcher().element)));
    document.addEventListener("visibilitychange", () => document.hidden || this.refresh());
  }

  async started(run) {
    this.selected = run.name;
    await this.refresh();
    this.now.scrollIntoView({ block: "start", behavior: "smooth" });
  }

  async select(name) {
    this.selected = name;
    await this.refresh();
    this.now.scrollIntoView({ block: "start" });
    this.view.focus();
  }

  /** Look at the runs again, and go on looking: often while one runs, and not at all while the tab is hidden. */
  async refresh() {
    clearTimeout(this.timer);
    if (document.hidden) return;
    const turn = (this.turn = (this.turn ?? 0) + 1);
    let wait = OTHERWISE;
    try {
      const { runs } = await api.get("api/runs");
      const running = runs.find((run) => run.state === "running" && run.within === null) ?? runs.find((run) => run.state === "running");
      const shown = this.selected ?? running?.name;
      const detail = shown ? await api.get(`api/runs/${encodeURIComponent(shown)}`) : null;
      if (turn !== this.turn) return; // a later look is on its way
      if (running) wait = WHILE_RUNNING;
      this.show(runs, running, detail);
      this.error.textContent = "";
    } catch (error) {
      if (turn === this.turn) this.error.textContent = error.message;
    }
    this.timer = setTimeout(() => this.refresh(), wait);
  }

  show(runs, running, detail) {
    this.selected ??= detail?.name ?? null; // a run that ends while it is watched stays in view
    this.now.hidden = detail === null;
    if (detail) this.view.show(detail);
    this.round.busy(running);
    this.stage.busy(running);
    const finished = runs.filter((run) => run.state !== "running").map((run) => run.name).join();
    if (this.finished !== undefined && this.finished !== finished) {
      this.stage.reload(); // more to start from
      this.round.reload(); // a round asks
    }
    this.finished = finished;
    this.history.show(runs, detail?.name);
  }
}
