// What comes next: the one thing to do, the size of the control sample, and the round with how long it will take.

import * as api from "./api.js";
import { alertBox, attempt, fill, h, uuid } from "./dom.js";
import { browseAddress } from "./page.js";
import { duration, wait } from "./wait.js";

const ASK_AGAIN = 2000; // milliseconds, while a round runs
const MINUTES = 10;

/** The panel at the top of the Project page. */
export class FirstHour {
  constructor({ changed }) {
    this.changed = changed;
    this.error = alertBox();
    this.words = h("h2", {});
    this.why = h("p", {});
    this.act = h("div", { class: "pj-act" });
    this.told = h("div", { class: "pj-told" });
    this.minutes = h("input", { type: "number", name: "minutes", min: 1, max: 10000, step: 1, value: MINUTES, inputmode: "numeric" });
    this.go = h("button", { type: "submit" }, "Run the round");
    this.wish = h(
      "form",
      { class: "pj-act", onsubmit: (event) => (event.preventDefault(), this.run()) },
      h("label", {}, "Minutes it may take", this.minutes),
      this.go,
    );
    this.round = h("div", { class: "pj-round", hidden: true }, this.told, this.wish);
    this.element = h(
      "section",
      { class: "pj-next wb-admins", "aria-label": "What next" },
      h("small", {}, "Next"),
      this.words,
      this.why,
      this.act,
      this.error,
      this.round,
    );
    this.running = null;
  }

  /** Show what `GET /api/start` answered. */
  show(start) {
    this.start = start;
    this.words.textContent = start.next.words;
    const skipped = browseAddress({ skipped: true, state: "none" });
    const disputed = browseAddress({ state: "disputed" });
    const suspect = browseAddress({ suspect: true });
    fill(
      this.why,
      start.next.why,
      start.undecided > 0 && [" ", h("a", { href: skipped }, "Show what was skipped")],
      start.disputed > 0 && [" ", h("a", { href: disputed }, "Settle what people disagree on")],
      start.suspects > 0 && [" ", h("a", { href: suspect }, "Look at the suspect labels")],
    );
    this.showActions(start);
    this.showRound();
  }

  showActions({ next, control }) {
    const sizing = control.may_change && (next.act === "control" || (next.act === "label" && control.left > 0));
    const sizes = sizing && sizesOf(control);
    const state = JSON.stringify(sizes || next.act);
    if (state === this.acting) return; // a choice that is left alone keeps its focus
    this.acting = state;
    if (sizes) fill(this.act, this.sizes(sizes, control), this.main("Start labeling", () => this.label()), sizeWords());
    else if (next.act === "label") fill(this.act, link("Label", "", true));
    else if (next.act === "export") fill(this.act, link("Ask for more", "request", true), link("Export", "export", false));
    else fill(this.act);
  }

  /** The choice of how many pictures, each size with what it can tell. */
  sizes(sizes, control) {
    const chosen = Math.min(control.items || 200, control.largest);
    this.count = h(
      "select",
      { name: "count", onchange: () => this.resize() },
      sizes.map(([count, half]) =>
        h("option", { value: count, selected: count === chosen }, `${count.toLocaleString("en")}: known to ±${points(half)} points`),
      ),
    );
    return h("label", { class: "pj-sizes" }, "How many random pictures, and how well the accuracy is then known", this.count);
  }

  async resize() {
    await attempt(this.error, async () => {
      await api.post("api/control", { uuid: uuid(), count: Number(this.count.value) });
      await this.changed();
    });
  }

  async label() {
    await attempt(this.error, async () => {
      if (Number(this.count.value) !== this.start.control.items)
        await api.post("api/control", { uuid: uuid(), count: Number(this.count.value) });
      window.location.href = api.BASE;
    });
  }

  // ---- the round -----------------------------------------------------------------------------------------------

  showRound() {
    if (!this.start) return;
    const asked = this.start.next.act === "round";
    const early = this.start.next.act === "label" && this.start.control.left > 0;
    const learned = early && this.learned;
    this.round.hidden = !this.running && !asked && !early;
    this.wish.hidden = Boolean(this.running || learned);
    this.go.classList.toggle("wb-main", asked);
    if (this.running) {
      fill(
        this.told,
        h("p", {}, h("b", {}, "A round is running. "), early ? "Label meanwhile: it does not need your labels yet." : ""),
        wait(this.running),
        h("p", { class: "wb-hint" }, this.running.whole),
        link("Watch it on Train", "train", false),
      );
      return;
    }
    if (learned) {
      const words = "This machine has looked through your pictures: done. The next round comes when the control sample is labeled.";
      return fill(this.told, h("p", {}, words));
    }
    const words = early
      ? "Meanwhile this machine can learn what is in your pictures; that needs no labels."
      : "Pretrain, train, then ask about the pictures that help most. What is there already is not done again.";
    fill(this.told, this.ended && h("p", { class: "wb-error" }, this.ended), h("p", {}, words));
  }

  async run() {
    await attempt(this.error, async () => {
      await api.post("api/rounds", { uuid: uuid(), minutes: Number(this.minutes.value) });
      await this.followRuns();
    });
  }

  /** Ask what runs, and go on asking while anything does. */
  async followRuns() {
    clearTimeout(this.timer);
    try {
      const { runs } = await api.get("api/runs");
      const round = runs.find((run) => run.stage === "round");
      const detail = round?.state === "running" && (await api.get(`api/runs/${round.name}`));
      const before = this.running;
      this.running = detail ? atHand(runs, detail) : null;
      this.learned = round?.state === "done";
      this.ended = ["failed", "dead"].includes(round?.state) ? `The last round stopped: ${round.message}` : "";
      if (before && !this.running) await this.changed();
    } catch {
      // what was known stays; where a round runs it is asked for again
    }
    this.showRound();
    if (this.running) this.timer = setTimeout(() => this.followRuns(), ASK_AGAIN);
  }

  main(words, onclick) {
    return h("button", { class: "wb-main", type: "button", onclick }, words);
  }
}

/** What a running round is doing just now, as a wait, and how long the whole of it takes. */
function atHand(runs, round) {
  const part = runs.find((run) => run.within === round.name && run.state === "running");
  const { work = "", done = 0, total = 0, remaining = null } = part?.progress ?? {};
  const place = round.steps.findIndex((step) => step.state === "running");
  const step = round.steps[place];
  const title = step ? `Step ${place + 1} of ${round.steps.length}, ${lower(step.title)}` : "Seeing what is to be done";
  const most = round.about.minutes;
  const whole = `${step ? `${step.why} ` : ""}${most ? `It was given ${duration(60 * most)}; ` : ""}${duration(round.seconds)} so far.`;
  return { work: work && work !== part.stage ? `${title}: ${lower(work)}` : title, done, total, remaining, whole };
}

/** The sizes there are to choose from, the present one among them unless it is too large, each with what it can tell. */
function sizesOf(control) {
  const sizes = new Map(control.sizes.map((size) => [size.count, size.half_width]));
  if (control.items && control.items <= control.largest) sizes.set(control.items, control.half_width);
  return [...sizes].sort(([left], [right]) => left - right);
}

function sizeWords() {
  const words = "Points are percentage points, half of the 95 % interval at its widest. Fewer pictures are quicker to label; the number can be changed until the first label.";
  return h("p", { class: "wb-hint" }, words);
}

function lower(text) {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function points(share) {
  return (100 * share).toFixed(1);
}

function link(words, path, main) {
  return h("a", { class: main ? "pj-link wb-main" : "pj-link", href: new URL(path, api.BASE) }, words);
}
