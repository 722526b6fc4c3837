// A line plot: several series over one axis, each with an interval around it where it has one.
// It is read with the pointer, with the arrow keys, and as a table.

import { fill, h, table } from "./dom.js";
import { logTicks, numberWords, scale, ticks } from "./ticks.js";

const MARGIN = { top: 10, right: 14, bottom: 42, left: 56 };
const DIGIT = 7; // pixels a sign of a mark takes at most
const HEIGHT = 260; // pixels, where nothing else is asked for
const FEW = 40; // series of up to so many points have each of them marked
const SVG = "http://www.w3.org/2000/svg";
const plots = new WeakMap();

/**
 * Draw a plot inside `element`; call it again with new points as often as you like, it draws at most once a frame.
 *
 * @param element an empty element, as wide as the plot shall be
 * @param spec {
 *   title: what a screen reader calls it,
 *   series: [{ name, points: [{ x, y, low?, high? }] by rising x, dashed?, marked? }],
 *   x: { label, log?, whole? }, y: { label, percent?, log?, range?: [low, high] },
 *   height?: pixels,
 * } where `percent` shows shares of 1 as percentages; points that are not finite are left out, and `whole` marks whole numbers only.
 */
export function drawPlot(element, spec) {
  let plot = plots.get(element);
  if (!plot) plots.set(element, (plot = new Plot(element)));
  plot.show(spec);
}

class Plot {
  constructor(element) {
    this.legend = h("div", { class: "plot-legend" });
    this.svg = s("svg", { "aria-hidden": "true" });
    this.reading = h("output", { class: "plot-reading", hidden: true, "aria-live": "polite" });
    this.area = h("div", { class: "plot-area", tabindex: "0", role: "group" }, this.svg, this.reading);
    this.table = h("div", { class: "plot-table" });
    this.details = h("details", { ontoggle: () => this.tabulate() }, h("summary", {}, "As a table"), this.table);
    this.at = null; // the number of the place that is read
    fill(element, h("figure", { class: "plot" }, this.legend, this.area, this.details));
    this.area.addEventListener("pointermove", (event) => this.point(event));
    this.area.addEventListener("pointerdown", (event) => this.point(event));
    this.area.addEventListener("pointerleave", () => this.read(null));
    this.area.addEventListener("blur", () => this.read(null));
    this.area.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.later()).observe(this.area);
  }

  show(spec) {
    const positive = ({ x, y }) => (!spec.x.log || x > 0) && (!spec.y.log || y > 0);
    const series = spec.series.map((line) => ({
      ...line,
      points: line.points.filter((point) => Number.isFinite(point.x) && Number.isFinite(point.y) && positive(point)),
    }));
    const places = new Set(series.flatMap((line) => line.points.map((point) => point.x)));
    this.spec = { ...spec, series };
    this.places = [...places].sort((a, b) => a - b);
    this.area.style.height = `${spec.height ?? HEIGHT}px`;
    const names = series.filter(isDrawn).map((line) => line.name).join(", ");
    this.area.setAttribute("aria-label", `${spec.title ?? spec.y.label}: ${names} over ${spec.x.label}. Arrow keys read values.`);
    this.later();
  }

  /** Draw with the next frame; a hidden page draws nothing. */
  later() {
    if (this.spec) this.frame ??= requestAnimationFrame(() => ((this.frame = null), this.draw()));
  }

  draw() {
    const width = this.area.clientWidth;
    const height = this.area.clientHeight;
    if (!width || !height) return;
    const { series, x, y } = this.spec;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.legend.hidden = series.length < 2;
    this.details.hidden = this.places.length === 0;
    if (this.places.length === 0) return this.svg.replaceChildren(nothingYet(width, height));
    fill(this.legend, series.map((line, place) => isDrawn(line) && legendEntry(line, place)));
    const inner = { right: width - MARGIN.right, top: MARGIN.top, bottom: height - MARGIN.bottom };
    this.up = axis(yDomain(series, y), y, [inner.bottom, inner.top], Math.max(2, Math.floor(height / 55)));
    const longest = Math.max(...this.up.marks.values.map((value) => this.up.words(value).length));
    inner.left = Math.max(MARGIN.left, 30 + DIGIT * longest); // beside the name of the axis
    this.across = axis(xDomain(this.places), x, [inner.left, inner.right], Math.max(2, Math.floor(width / 72)));
    this.inner = inner;
    this.cursor = s("g", { class: "plot-cursor" });
    this.svg.replaceChildren(
      ...frame(inner, this.across, this.up, x, y),
      ...series.map((line, place) => this.line(line, place)),
      this.cursor,
    );
    if (this.at !== null) this.read(this.at);
    this.tabulate();
    return undefined;
  }

  line({ points, dashed, marked }, place) {
    const shown = thinnedOut(points, this.across.place, this.inner.right - this.inner.left);
    const position = (value) => ({ x: this.across.place(value.x), y: this.up.place(value.y) });
    const group = s("g", { class: `plot-series plot-colour-${(place % 6) + 1}` });
    const banded = shown.filter((point) => Number.isFinite(point.low) && Number.isFinite(point.high));
    if (banded.length > 1) {
      const above = banded.map((point) => [this.across.place(point.x), this.up.place(point.high)]);
      const below = banded.map((point) => [this.across.place(point.x), this.up.place(point.low)]).reverse();
      group.append(s("path", { class: "plot-band", d: `${path([...above, ...below])}Z` }));
    }
    const few = points.length <= FEW && !dashed; // a dashed line is one that was worked out, not measured point by point
    if (few) for (const point of banded) group.append(whisker(this.across.place(point.x), this.up, point));
    const stroke = path(shown.map((point) => [position(point).x, position(point).y]));
    group.append(s("path", { class: dashed ? "plot-line plot-dashed" : "plot-line", d: stroke }));
    if (marked || few) {
      for (const point of points) group.append(s("circle", { r: 3.5, cx: position(point).x, cy: position(point).y }));
    }
    return group;
  }

  point(event) {
    if (!this.across || this.places.length === 0) return;
    const at = event.clientX - this.area.getBoundingClientRect().left;
    let best = 0;
    this.places.forEach((value, place) => {
      if (Math.abs(this.across.place(value) - at) < Math.abs(this.across.place(this.places[best]) - at)) best = place;
    });
    this.read(best);
  }

  key(event) {
    const last = this.places.length - 1;
    if (last < 0) return;
    const far = Math.max(1, Math.round(last / 10));
    const from = this.at ?? (event.key === "ArrowLeft" || event.key === "PageDown" ? last + 1 : -1);
    const steps = { ArrowLeft: from - 1, ArrowRight: from + 1, PageUp: from + far, PageDown: from - far, Home: 0, End: last };
    if (event.key === "Escape") this.read(null);
    else if (event.key in steps) this.read(Math.max(0, Math.min(last, steps[event.key])));
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Show the values at the place with this number, or none. */
  read(at) {
    this.at = at;
    this.reading.hidden = at === null;
    if (at === null) return this.cursor?.replaceChildren();
    const value = this.places[Math.min(at, this.places.length - 1)];
    const { series, x, y } = this.spec;
    const found = series.map((line) => line.points.find((point) => point.x === value));
    const left = this.across.place(value);
    const dots = found.map(
      (point, place) =>
        point && s("circle", { class: `plot-colour-${(place % 6) + 1}`, r: 5, cx: left, cy: this.up.place(point.y) }),
    );
    this.cursor.replaceChildren(
      s("line", { x1: left, x2: left, y1: this.inner.top, y2: this.inner.bottom }),
      ...dots.filter(Boolean),
    );
    const lines = series.map((line, place) => found[place] && readingLine(line, place, found[place], y));
    fill(this.reading, h("b", {}, `${numberWords(value)} ${x.label}`), lines);
    this.placeReading(left);
    return undefined;
  }

  /** Put the read-out beside the cursor, on the side with more room; where it would hide the cursor, below the plot. */
  placeReading(left) {
    const { clientWidth, clientHeight } = this.area;
    const wide = this.reading.offsetWidth + 12;
    const beside = left + wide <= clientWidth ? left + 12 : left - wide;
    this.reading.style.left = `${Math.max(0, beside)}px`;
    this.reading.style.top = beside >= 0 ? "6px" : `${clientHeight + 4}px`;
  }

  /** Fill the table while it is open. */
  tabulate() {
    if (!this.details.open || !this.spec) return;
    const { x, y } = this.spec;
    const series = this.spec.series.filter(isDrawn);
    const byPlace = series.map((line) => new Map(line.points.map((point) => [point.x, point])));
    const rows = this.places.map((value) => {
      const cells = byPlace.map((points) => h("td", {}, points.has(value) ? pointWords(points.get(value), y) : ""));
      return h("tr", {}, h("th", { scope: "row" }, numberWords(value)), cells);
    });
    fill(this.table, table([x.label, ...series.map((line) => line.name)], rows));
  }
}

function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Whether a series has a curve: one without keeps its colour from the others, and is not named. */
const isDrawn = ({ points }) => points.length > 0;

function path(points) {
  return points.map(([x, y], place) => `${place ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}

function axis(domain, { log = false, percent = false, whole = false }, range, count) {
  const most = whole ? Math.min(count, domain[1] - domain[0]) : count;
  const marks = log ? logTicks(...domain, count) : ticks(...domain, most);
  return { place: scale(domain, range, log), words: (value) => numberWords(value, { step: marks.step, percent }), marks };
}

function xDomain(places) {
  const [low, high] = [places[0], places.at(-1)];
  return low === high ? [low * 0.9 || -1, high * 1.1 || 1] : [low, high];
}

/** From the lowest to the highest value with some air, out to round marks; a percentage stays between 0 and 1. */
function yDomain(series, { range, log, percent }) {
  if (range) return range;
  let [low, high] = [Infinity, -Infinity];
  for (const line of series)
    for (const point of line.points) {
      low = Math.min(low, point.y, point.low ?? point.y);
      high = Math.max(high, point.y, point.high ?? point.y);
    }
  if (log) return low === high ? [low / 2, high * 2] : [low, high];
  const air = (high - low) * 0.06 || Math.abs(high) * 0.1 || 0.5;
  const { step } = ticks(low - air, high + air, 4);
  const bounds = [Math.floor((low - air) / step) * step, Math.ceil((high + air) / step) * step];
  if (low >= 0) bounds[0] = Math.max(0, bounds[0]);
  return percent ? [bounds[0], Math.min(1, bounds[1])] : bounds;
}

function frame(inner, across, up, x, y) {
  const middle = (inner.top + inner.bottom) / 2;
  const rows = up.marks.values.flatMap((value) => [
    s("line", { class: "plot-grid", x1: inner.left, x2: inner.right, y1: up.place(value), y2: up.place(value) }),
    s("text", { x: inner.left - 8, y: up.place(value) + 4, "text-anchor": "end" }, up.words(value)),
  ]);
  const columns = across.marks.values.flatMap((value) => [
    s("line", { class: "plot-tick", x1: across.place(value), x2: across.place(value), y1: inner.bottom, y2: inner.bottom + 5 }),
    s("text", { x: across.place(value), y: inner.bottom + 18, "text-anchor": "middle" }, across.words(value)),
  ]);
  return [
    ...rows,
    ...columns,
    s("line", { class: "plot-tick", x1: inner.left, x2: inner.right, y1: inner.bottom, y2: inner.bottom }),
    s("text", { class: "plot-label", x: (inner.left + inner.right) / 2, y: inner.bottom + 36, "text-anchor": "middle" }, x.label),
    s("text", { class: "plot-label", transform: `translate(12 ${middle}) rotate(-90)`, "text-anchor": "middle" }, y.label),
  ];
}

function nothingYet(width, height) {
  return s("text", { class: "plot-label", x: width / 2, y: height / 2, "text-anchor": "middle" }, "Nothing to draw yet");
}

function whisker(left, up, { low, high }) {
  const [top, bottom] = [up.place(high), up.place(low)];
  return s("path", { class: "plot-whisker", d: `M${left} ${top}V${bottom}M${left - 4} ${top}h8M${left - 4} ${bottom}h8` });
}

/** The lowest and highest point of each pixel column, where there are more points than a line can show. */
function thinnedOut(points, place, width) {
  if (points.length <= 2 * width) return points;
  const columns = new Map();
  for (const point of points) {
    const column = Math.round(place(point.x));
    const seen = columns.get(column);
    if (!seen) columns.set(column, { low: point, high: point });
    else if (point.y < seen.low.y) seen.low = point;
    else if (point.y > seen.high.y) seen.high = point;
  }
  return [...columns.values()].flatMap(({ low, high }) => (low === high ? [low] : low.x < high.x ? [low, high] : [high, low]));
}

function swatch(place, dashed) {
  const line = s("line", { class: dashed ? "plot-line plot-dashed" : "plot-line", x1: 1, x2: 21, y1: 5, y2: 5 });
  return s("svg", { class: `plot-swatch plot-colour-${(place % 6) + 1}`, viewBox: "0 0 22 10", "aria-hidden": "true" }, line);
}

function legendEntry({ name, dashed }, place) {
  return h("span", {}, swatch(place, dashed), name);
}

function readingLine({ name, dashed }, place, point, y) {
  return h("span", {}, swatch(place, dashed), `${name} `, h("b", {}, pointWords(point, y)));
}

function pointWords({ y: value, low, high }, { percent = false }) {
  const words = numberWords(value, { percent });
  if (!Number.isFinite(low) || !Number.isFinite(high)) return words;
  return `${words} (${numberWords(low, { percent })} to ${numberWords(high, { percent })})`;
}
