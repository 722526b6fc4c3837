// The Request page: a strategy, its parameters and how many; a preview to drop pictures from; then the request.

import { againCard } from "./again.js";
import * as api from "./api.js";
import { ChosenGrid } from "./chosen.js";
import { alertBox, attempt, count, fill, h, meter, uuid, when } from "./dom.js";
import { pageHead, whoAmI } from "./page.js";
import { drawPlot } from "./plot.js";
import { StrategyForm } from "./strategies.js";

const ASK_AGAIN = 500; // milliseconds, while a strategy chooses
const LOOK_AGAIN = 10_000; // milliseconds, for labels and embeddings that came meanwhile
const CURVES = 5;
const ROUND_MINUTES = 10;

/** Build the page inside `host` and start it. */
export async function mount(host) {
  await whoAmI(host);
  const paths = ["api/strategies", "api/simulation", "api/people"];
  const [facts, simulation, { people }] = await Promise.all(paths.map((path) => api.get(path)));
  const page = new RequestPage(host, facts, simulation, people.length);
  await Promise.all([page.resume(), page.listRequests()]);
  setInterval(() => page.look(), LOOK_AGAIN);
  document.addEventListener("visibilitychange", () => page.look());
}

class RequestPage {
  constructor(host, facts, simulation, people) {
    Object.assign(this, { facts, simulation });
    this.form = new StrategyForm(facts, { preview: (wish) => this.preview(wish), changed: () => this.plot() });
    this.result = h("section", { class: "rq-result", "aria-label": "Preview" });
    this.curves = h("div");
    this.plotSection = h(
      "section",
      { class: "rq-card", hidden: true },
      h("h2", {}, "Accuracy over labels in your simulation"),
      this.curves,
      h("p", { class: "wb-hint" }, `${simulation.name}: means over repetitions with their 95 % intervals.`),
    );
    this.requests = h("section", { class: "rq-card" });
    const again = againCard({ people, requested: () => this.listRequests() });
    this.facing = this.about();
    const head = pageHead("Ask for labels");
    fill(
      host,
      h(
        "div",
        { class: "rq-page" },
        h("div", { class: "rq-side" }, head, this.facing, this.form.element, this.plotSection, this.requests, again),
        this.result,
      ),
    );
    this.plot();
  }

  /** What there is to ask about, and what is missing for asking well. */
  about() {
    const { images, free, labeled, embeddings } = this.facts;
    const words = `${count(labeled, "image")} of ${images.toLocaleString("en")} ${labeled === 1 ? "has" : "have"} a label; ${free.toLocaleString("en")} can be asked for.`;
    if (embeddings) {
      const few = embeddings.rows < images ? `, of ${count(embeddings.rows, "image")}` : "";
      return h("p", { class: "wb-hint" }, `${words} The embeddings are of ${when(embeddings.created)}${few}.`);
    }
    const error = alertBox();
    const ask = h("button", { type: "button", onclick: () => this.runRound(ask, error) }, "Run a round");
    const run = this.roundRuns ? roundLink() : ask;
    const why =
      `All strategies but random compare pictures by their embeddings, the numbers that a model sees in them, and there are none yet. A round makes them in about ${ROUND_MINUTES} minutes: it learns from all pictures without labels, then embeds them. It goes on when you close this page.`;
    return h(
      "div",
      { class: "rq-about" },
      h("p", { class: "wb-hint" }, words),
      h("div", { class: "rq-missing" }, h("strong", {}, "No embeddings yet"), h("p", {}, why), run, error),
    );
  }

  async runRound(button, error) {
    button.disabled = true;
    const wish = { uuid: uuid(), minutes: ROUND_MINUTES };
    this.roundRuns = await attempt(error, () => api.post("api/rounds", wish));
    if (this.roundRuns) button.replaceWith(roundLink());
    else button.disabled = false;
  }

  /** See what came while the page was open: a round ends, people label. */
  async look() {
    if (document.hidden) return;
    let facts;
    try {
      facts = await api.get("api/strategies");
    } catch {
      return; // the next look may succeed, and what is shown was true a moment ago
    }
    if (JSON.stringify(facts) === JSON.stringify(this.facts)) return;
    this.facts = facts;
    const facing = this.about();
    this.facing.replaceWith(facing);
    this.facing = facing;
    this.form.update(facts);
    await this.listRequests();
  }

  plot() {
    const curves = this.simulation.curves;
    const chosen = this.form.strategy;
    const names = Object.keys(curves);
    const shown = [...new Set([chosen, "random", ...names])].filter((name) => name in curves).slice(0, CURVES);
    this.plotSection.hidden = shown.length === 0;
    if (shown.length === 0) return;
    const series = shown.map((name) => ({
      name,
      dashed: name === "random",
      points: curves[name].map(({ labels, accuracy, low, high }) => ({ x: labels, y: accuracy, low, high })),
    }));
    drawPlot(this.curves, {
      title: "Accuracy of strategies",
      series,
      x: { label: "labels" },
      y: { label: "accuracy", percent: true },
      height: 220,
    });
  }

  async preview(wish) {
    try {
      this.show(await api.post("api/choice", { uuid: uuid(), ...wish }));
      this.result.scrollIntoView({ block: "start" }); // it lies below on a phone
    } catch (error) {
      this.form.complain(error);
    }
  }

  /** Show what is being chosen or was; the form says how, so that the next press is for the same. */
  async resume() {
    const choice = await this.refresh();
    if (["running", "done"].includes(choice?.chore.state)) this.form.take(choice);
  }

  /** Show how far the choice is, and return it; null where the server did not say. */
  async refresh() {
    clearTimeout(this.timer);
    try {
      const choice = await api.get("api/choice");
      this.show(choice);
      return choice;
    } catch (error) {
      this.form.complain(error);
      this.timer = setTimeout(() => this.refresh(), ASK_AGAIN * 10);
      return null;
    }
  }

  show(choice) {
    clearTimeout(this.timer);
    const { state } = choice.chore;
    this.form.busy = state === "running";
    if (state === "running") {
      this.running(choice);
      this.timer = setTimeout(() => this.refresh(), ASK_AGAIN);
    } else if (state === "done") this.finished(choice);
    else if (state === "failed" || state === "stopped") fill(this.result, failed(choice));
    else fill(this.result, nothingYet());
  }

  /** Say that a choice is made and how far it is; the notice stays while it is, for the sake of who presses Stop. */
  running({ uuid: id, strategy, budget, running_s: seconds, said }) {
    if (this.notice?.id !== id || !this.result.contains(this.notice.element)) {
      const words = h("p", {});
      const element = h(
        "div",
        { class: "rq-notice", role: "status" },
        h("strong", {}, `${strategy} is choosing ${count(budget, "picture")}`),
        words,
        h("div", { class: "rq-busy" }, h("i")),
        h("button", { type: "button", onclick: () => this.stop(id) }, "Stop"),
      );
      this.notice = { id, words, element };
      fill(this.result, element);
    }
    this.notice.words.textContent = `${said.at(-1) ?? "It reads the embeddings"} · ${Math.round(seconds)} s`;
  }

  async stop(id) {
    try {
      this.show(await api.post("api/choice/stop", { uuid: id }));
    } catch (error) {
      this.form.complain(error);
    }
  }

  finished(choice) {
    if (this.grid?.choice.uuid === choice.uuid) return;
    this.grid = new ChosenGrid(choice, { overlap: () => this.form.overlap, requested: () => this.listRequests() });
    fill(this.result, this.grid.element);
    this.grid.more();
  }

  async listRequests() {
    const { requests } = await api.get("api/requests");
    const open = requests.filter((request) => request.open);
    this.requests.hidden = open.length === 0;
    const rows = open.map((request) =>
      h(
        "li",
        {},
        h("b", {}, `${request.id}: ${request.strategy ?? request.purpose}`),
        ` ${request.done.toLocaleString("en")} of ${count(request.wanted, "answer")}`,
        meter(request.done / request.wanted),
      ),
    );
    fill(this.requests, h("h2", {}, "Asked for now"), h("ul", { class: "rq-requests" }, rows));
  }
}

function roundLink() {
  return h("a", { href: new URL("train", api.BASE) }, "The round runs: watch it on Train");
}

function failed({ strategy, chore }) {
  return h(
    "div",
    { class: "rq-notice" },
    h("strong", {}, `${strategy ?? "The strategy"} chose nothing`),
    h("p", { class: "wb-error", role: "alert" }, chore.message ?? "It was stopped."),
  );
}

function nothingYet() {
  return h(
    "div",
    { class: "rq-notice" },
    h("strong", {}, "Nothing chosen yet"),
    h("p", {}, "Preview shows which pictures a strategy would ask for, and why. Nobody is asked before you say so."),
  );
}
