// What is taken for what: a matrix of labels and predictions whose cells open those images, or for many classes the list
// of the most frequent mistakes.

import { count, fill, h } from "./dom.js";
import { browseAddress } from "./page.js";
import { numberWords } from "./ticks.js";

const MOST = 24; // classes that a matrix is readable with
const WORST = 40; // mistakes listed for more

/** The section's content: heading, a choice of counts or shares, and the matrix or the list. */
export function confusionSection({ cells, accuracy }, classes, nameOf) {
  const ids = ordered(cells, classes);
  const few = ids.length <= MOST;
  const body = h("div", { class: "pg-scroll" });
  const draw = (shares) => fill(body, few ? matrix(cells, ids, nameOf, shares) : worst(cells, nameOf));
  draw(false);
  const text = few
    ? "Rows are labels, columns are predictions; the diagonal is right. A cell opens its images."
    : `The ${WORST} most frequent mistakes of ${count(ids.length, "class", "classes")}; each opens its images.`;
  return [
    h("header", { class: "pg-split" }, h("h2", {}, "Confusions"), few && choice(draw)),
    h("p", { class: "wb-hint" }, `${text} Counted: ${count(accuracy.count, "control image")} with a label and a prediction.`),
    body,
  ];
}

function choice(draw) {
  const buttons = [
    ["Counts", false],
    ["Shares", true],
  ].map(([words, shares]) => {
    const press = () => {
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
      draw(shares);
    };
    const button = h("button", { type: "button", "aria-pressed": String(!shares), onclick: press }, words);
    return button;
  });
  return h("div", { class: "pg-choice", role: "group", "aria-label": "What the cells say" }, buttons);
}

/** The classes that occur, in their order. */
function ordered(cells, classes) {
  const used = new Set(cells.flatMap((cell) => [cell.label, cell.predicted]));
  const known = classes.map((cls) => cls.id).filter((id) => used.has(id));
  return [...known, ...[...used].filter((id) => !known.includes(id))];
}

function matrix(cells, ids, nameOf, shares) {
  const counts = new Map(cells.map((cell) => [`${cell.label} ${cell.predicted}`, cell.count]));
  const of = (label, predicted) => counts.get(`${label} ${predicted}`) ?? 0;
  const heads = ids.map((id) => h("th", { scope: "col" }, h("span", {}, nameOf(id))));
  const rows = ids.map((label) => {
    const total = ids.reduce((sum, predicted) => sum + of(label, predicted), 0);
    const row = ids.map((predicted) => cell({ label, predicted, number: of(label, predicted), total }, nameOf, shares));
    return h("tr", {}, h("th", { scope: "row" }, nameOf(label)), row);
  });
  return h(
    "table",
    { class: "pg-matrix" },
    h("thead", {}, h("tr", {}, h("td", {}, h("span", {}, "label ↓ predicted →")), heads)),
    h("tbody", {}, rows),
  );
}

function cell({ label, predicted, number, total }, nameOf, shares) {
  if (number === 0) return h("td", { class: "pg-none" });
  const share = number / total;
  const right = label === predicted;
  const words = `${count(number, "image")} of ${nameOf(label)} (${numberWords(share, { percent: true })}) predicted to be ${nameOf(predicted)}`;
  const link = h(
    "a",
    { href: browse(label, predicted), title: words, "aria-label": words },
    shares ? `${Math.round(share * 100)} %` : number.toLocaleString("en"),
  );
  const element = h("td", { class: right ? "pg-right" : "pg-wrong" }, link);
  element.style.setProperty("--strength", `${Math.round(12 + 58 * share)}%`);
  return element;
}

function worst(cells, nameOf) {
  const mistakes = cells.filter((entry) => entry.label !== entry.predicted);
  const most = mistakes.sort((a, b) => b.count - a.count).slice(0, WORST);
  if (most.length === 0) return h("p", {}, "There is no mistake among them.");
  const lines = most.map((entry) =>
    h(
      "li",
      {},
      h("a", { href: browse(entry.label, entry.predicted) }, `${nameOf(entry.label)} taken for ${nameOf(entry.predicted)}`),
      ` ${count(entry.count, "image")}`,
    ),
  );
  return h("ol", { class: "pg-worst" }, lines);
}

function browse(label, predicted) {
  return browseAddress({ label, predicted, split: "val", missing: "false" });
}
