// The Progress page: accuracy on the control sample over labels, what one more round is likely to bring, each class,
// what is taken for what, and how people work.

import * as api from "./api.js";
import { confusionSection } from "./confusion.js";
import { alertBox, count, fill, h, table } from "./dom.js";
import { browseAddress, loadClasses, pageHead, whoAmI } from "./page.js";
import { drawPlot } from "./plot.js";
import { numberWords } from "./ticks.js";

const ASK_AGAIN = 20_000; // milliseconds; a round takes minutes at least
const TABLE = { class: "pg-table" };
const STAGES = { "train-classifier": "Classifier", fixmatch: "FixMatch" };

/** Build the page inside `host` and start it. */
export async function mount(host) {
  await whoAmI(host);
  const page = new ProgressPage(host, await loadClasses());
  await page.refresh();
}

class ProgressPage {
  constructor(host, { classes, nameOf }) {
    Object.assign(this, { host, classes, nameOf });
    this.headline = h("section", { class: "pg-headline" });
    this.curve = h("div");
    this.ahead = h("div", { class: "pg-ahead" });
    this.rounds = h("div", { class: "pg-scroll" });
    this.course = h("section", { class: "pg-card" }, h("h2", {}, "Accuracy over labels"), this.curve, this.ahead, this.rounds);
    this.perClass = h("section", { class: "pg-card" });
    this.confusion = h("section", { class: "pg-card" });
    this.team = h("section", { class: "pg-card" });
    this.error = alertBox();
    const head = pageHead("Progress");
    const parts = [head, this.error, this.headline, this.course, this.perClass, this.confusion, this.team];
    fill(host, h("div", { class: "pg-page" }, h("div", {}, parts)));
  }

  async refresh() {
    clearTimeout(this.timer);
    try {
      const [evaluation, team] = await Promise.all([api.get("api/evaluation"), api.get("api/pace")]);
      this.error.textContent = "";
      this.show(evaluation, team);
    } catch (error) {
      this.error.textContent = error.message;
    }
    if (this.host.isConnected) this.timer = setTimeout(() => this.refresh(), ASK_AGAIN);
  }

  /** Show what the server says; nothing moves under the reader's eyes where nothing is new. */
  show(evaluation, team) {
    const seen = JSON.stringify([evaluation, team]);
    if (seen === this.seen) return;
    this.seen = seen;
    fill(this.headline, headline(evaluation));
    this.course.hidden = evaluation.rounds.length === 0;
    if (evaluation.rounds.length > 0) {
      drawPlot(this.curve, curve(evaluation));
      fill(this.ahead, aheadWords(evaluation));
      fill(this.rounds, roundsTable(evaluation));
    }
    const { newest } = evaluation;
    this.perClass.hidden = this.confusion.hidden = newest === null;
    if (newest) {
      fill(this.perClass, classesTable(newest, evaluation.too_few, this.nameOf));
      fill(this.confusion, confusionSection(newest, this.classes, this.nameOf));
    }
    this.team.hidden = team.people.length === 0;
    fill(this.team, teamTable(team));
  }
}

const percent = (share) => numberWords(share, { percent: true, step: 0.001 });
const interval = ({ low, high }) => `${percent(low)} to ${percent(high)}`;

/** The one figure, or what is missing before there can be one. */
function headline({ control, rounds, newest }) {
  const last = rounds.at(-1);
  const figure = last ?? newest;
  if (!figure) return missing(control);
  const { accuracy, balanced_accuracy: balanced } = figure;
  const by = last ? `${STAGES[last.stage]} trained on ${count(last.labels, "label")}` : `Predictions of ${newest.run}`;
  return [
    h("div", { class: "pg-figure" }, h("strong", {}, percent(accuracy.share)), h("span", {}, "right on the control sample")),
    h(
      "p",
      {},
      `95 % interval ${interval(accuracy)}: ${accuracy.right.toLocaleString("en")} of ${count(accuracy.count, "image")}. Balanced over the classes ${percent(balanced)}. ${by}.`,
    ),
    control.labeled < control.images &&
      h("p", { class: "wb-hint" }, `${count(control.images - control.labeled, "control image")} without a label would make this surer.`),
  ];
}

function missing({ images, labeled, asked }) {
  const words =
    images === 0
      ? "No image is kept for judging. A control sample of random images, labeled blind, is what every round is measured by; the Project page offers it."
      : labeled === 0
        ? `${count(images, "image")} kept for judging, without labels yet${asked > 0 ? "; asked for first on Label" : ""}.`
        : `${labeled.toLocaleString("en")} of ${count(images, "control image")} labeled. Train a classifier on Train, or run a round, and its accuracy stands here.`;
  const next = h("a", { href: new URL("project", api.BASE) }, "What next");
  return h("div", { class: "pg-missing" }, h("strong", {}, "Nothing was judged yet"), h("p", {}, words), next);
}

function curve({ rounds, ahead }) {
  const measured = rounds.map(({ labels, accuracy: { share, low, high } }) => ({ x: labels, y: share, low, high }));
  const balanced = rounds.map(({ labels, balanced_accuracy: y }) => ({ x: labels, y }));
  const likely = ahead.map(({ labels, accuracy, low, high }) => ({ x: labels, y: accuracy, low, high }));
  const series = [
    { name: "Accuracy", points: measured },
    { name: "Balanced accuracy", points: balanced },
  ];
  if (likely.length > 0) series.push({ name: "Likely ahead", points: likely, dashed: true });
  return {
    title: "Accuracy on the control sample",
    series,
    x: { label: "labels to learn from", whole: true },
    y: { label: "accuracy", percent: true },
    height: 300,
  };
}

function aheadWords({ ahead, rounds, step }) {
  if (ahead.length === 0) {
    const why = "What one more round is likely to bring is told from the second round on: one point is no curve.";
    return h("p", { class: "wb-hint" }, why);
  }
  const labels = rounds.at(-1).labels + step;
  const next = ahead.find((point) => point.labels === labels);
  const now = rounds.at(-1).accuracy.share;
  const gain = (next.accuracy - now) * 100;
  const luck = "no more than now: the newest round lies above the curve of all rounds"; // labels do no harm
  const change = Math.abs(gain) < 0.05 ? "no change" : gain > 0 ? `+${gain.toFixed(1)} points` : luck;
  return [
    h(
      "p",
      {},
      `One more round of ${count(step, "label")} is likely to bring `,
      h("b", {}, percent(next.accuracy)),
      ` (${change}); with 95 % certainty ${interval(next)} will be measured.`,
    ),
    h(
      "details",
      {},
      h("summary", {}, "How this is worked out"),
      h(
        "p",
        { class: "wb-hint" },
        "The error is taken to fall as a power of the number of labels, a · n^−b with b between 0 and 1, fitted to the rounds so far (weighted least squares on logarithms). The interval redraws each round's count of errors 2,000 times from its binomial distribution, fits again, and draws what the control sample will then show. That the curve may bend otherwise is not in it. Each forecast is written down before its round and stands beside what the round brought.",
      ),
    ),
  ];
}

function roundsTable({ rounds, runs }) {
  const verdict = (round) => {
    if (!round.forecast) return "";
    const { low, high } = round.forecast;
    const inside = round.accuracy.share >= low && round.accuracy.share <= high;
    return `${percent(round.forecast.accuracy)} (${interval(round.forecast)})${inside ? "" : ", missed"}${round.kept ? "" : " *"}`;
  };
  const found = ({ accuracy }) => [h("b", {}, percent(accuracy.share)), ` (${interval(accuracy)})`];
  const roundOf = (run) => rounds.findLast(({ labels }) => labels === run.labels);
  const rows = rounds.flatMap((round, place) => [
    h(
      "tr",
      {},
      h("th", { scope: "row" }, place + 1),
      h("td", {}, round.labels.toLocaleString("en")),
      h("td", {}, STAGES[round.stage]),
      h("td", {}, found(round)),
      h("td", {}, percent(round.balanced_accuracy)),
      h("td", {}, verdict(round)),
    ),
    ...runs
      .filter((run) => roundOf(run) === round)
      .map((run) =>
        h("tr", { class: "pg-beside" }, h("td", { colspan: 2 }), h("td", { title: run.run }, STAGES[run.stage]), h("td", { colspan: 3 }, found(run))),
      ),
  ]);
  const others = runs
    .filter((run) => !roundOf(run))
    .map((run) => `${run.run}, ${count(run.labels, "label")}: ${percent(run.accuracy.share)}`);
  return [
    table(["Round", "Labels", "Network", "Accuracy", "Balanced", "Had been forecast"], rows, TABLE),
    rounds.some((round) => round.forecast && !round.kept) &&
      h("p", { class: "wb-hint" }, "* worked out afterwards, from the rounds before it alone."),
    others.length > 0 &&
      h("details", {}, h("summary", {}, `Other networks (${others.length})`), h("ul", {}, others.map((words) => h("li", {}, words)))),
  ];
}

/** Each class, the hardest first, those too few to tell last. */
function classesTable({ classes, run }, tooFew, nameOf) {
  const order = [...classes].sort((a, b) => (a.found?.share ?? 2) - (b.found?.share ?? 2));
  const rows = order.map(({ class_id: id, labels, found }) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, h("a", { href: browseAddress({ label: id, split: "val" }) }, nameOf(id))),
      h("td", {}, labels.toLocaleString("en")),
      h("td", { class: "pg-bar" }, found && bar(found)),
      h("td", {}, found ? [h("b", {}, percent(found.share)), ` (${interval(found)})`] : `too few to tell (under ${tooFew})`),
    ),
  );
  return [
    h("h2", {}, "Recall of each class"),
    h("p", { class: "wb-hint" }, `The share of a class's control images that the newest predictions (${run}) get right, the hardest first.`),
    h("div", { class: "pg-scroll" }, table(["Class", "Control images", "", "Recall"], rows, TABLE)),
  ];
}

function bar({ share, low, high }) {
  const left = (value) => `${value * 100}%`;
  return h(
    "span",
    { class: "pg-track", "aria-hidden": "true" },
    h("i", { class: "pg-range", style: { left: left(low), width: left(high - low) } }),
    h("i", { class: "pg-dot", style: { left: left(share) } }),
  );
}

function teamTable({ people, per_hour: rate, agreement, second_answers: coming, pairs, newest, break_s: pause }) {
  const rows = people.map(({ name, answers, hours, per_hour: own }) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, name),
      h("td", {}, answers.toLocaleString("en")),
      h("td", {}, worked(hours)),
      h("td", {}, own === null ? "too few to tell" : Math.round(own).toLocaleString("en")),
    ),
  );
  const agreed = agreement
    ? `Where two people answered the same image they agree on ${percent(agreement.share)} (${interval(agreement)}, ${count(agreement.count, "pair")} of answers on ${count(agreement.images, "image")}). `
    : `No image was answered by two people yet; ${wayToAgreement(coming)}`;
  const differ = agreement?.share < 1 && h("a", { class: "wb-admins", href: browseAddress({ state: "disputed" }) }, "Images to settle");
  const others = pairs.length > 1 && [
    h("h3", {}, "Pair by pair"),
    h("ul", {}, pairs.map(({ person, other, same }) => h("li", {}, `${person} and ${other}: ${percent(same.share)} of ${count(same.count, "image")} (${interval(same)})`))),
  ];
  return [
    h("h2", {}, rate === null ? "Labels an hour" : `${Math.round(rate).toLocaleString("en")} labels an hour of work`),
    h("p", { class: "wb-hint" }, `Answers that were taken back do not count. Time and pace are of the newest ${count(newest, "answer")}; a gap of over ${pause / 60} minutes is a break. ${agreed}`, differ),
    h("div", { class: "pg-scroll" }, table(["Person", "Answers", "At work", "An hour"], rows, TABLE)),
    others,
  ];
}

function wayToAgreement(coming) {
  return coming > 0
    ? `${count(coming, "answer")} to images that several people are asked about ${coming === 1 ? "is" : "are"} still to come.`
    : "ask with “People for each” above 1 on Request to see how far they agree.";
}

function worked(hours) {
  const minutes = Math.round(hours * 60);
  if (minutes < 1) return "under 1 min";
  return minutes < 60 ? `${minutes} min` : `${hours.toFixed(1)} h`;
}
