// Building elements. Text only ever enters the page as text, so nothing needs escaping.

export const NOTICE = 300; // milliseconds one needs to see that something is another one

/**
 * Make an element: h("button", { class: "wide", onclick: act }, "Save").
 * Properties that start with "on" become listeners, `dataset` and `style` take objects, true/false/null switch attributes.
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "dataset") Object.assign(element.dataset, value);
    else if (name === "style") Object.assign(element.style, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return element;
}

/** Replace what is inside `element`. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return element;
}

/** A place where what goes wrong is said. */
export function alertBox(words = null) {
  return h("div", { class: "wb-error", role: "alert" }, words);
}

/** A bar that is filled to a share between 0 and 1. */
export function meter(share, properties = { "aria-hidden": "true" }) {
  return h("div", { class: "wb-meter", ...properties }, h("i", { style: { transform: `scaleX(${share})` } }));
}

/** Do some work; what goes wrong is said in `place`, which is empty meanwhile. Resolves to whether it was done. */
export async function attempt(place, work) {
  place.textContent = "";
  try {
    await work();
    return true;
  } catch (problem) {
    place.textContent = problem.message;
    return false;
  }
}

/** A table of rows below the names of its columns. */
export function table(heads, rows, properties = {}) {
  const names = heads.map((head) => h("th", { scope: "col" }, head));
  return h("table", properties, h("thead", {}, h("tr", {}, names)), h("tbody", {}, rows));
}

/** How many places on an arrow key leads in what is laid out as a CSS grid; undefined for any other key. */
export function arrowStep(grid, key) {
  if (!key.startsWith("Arrow")) return undefined;
  const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
  return { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[key];
}

/** A key as people see it on a keyboard. */
export function keycap(key) {
  const names = {
    Backspace: "⌫",
    Enter: "↵",
    ArrowLeft: "←",
    ArrowRight: "→",
    ArrowUp: "↑",
    ArrowDown: "↓",
    " ": "Space",
  };
  const parts = key === "+" ? ["+"] : key.split("+");
  return h("kbd", {}, parts.map((part) => (part === "Shift" ? "⇧" : (names[part] ?? part.toUpperCase()))).join(""));
}

/** "1 image", "12 images". */
export function count(number, noun, plural = `${noun}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? noun : plural}`;
}

/** A share between 0 and 1 as a percentage that never rounds up to a certainty. */
export function percent(share) {
  if (share == null) return "";
  return share > 0.99 && share < 1 ? "99 %+" : `${Math.round(share * 100)} %`;
}

/** A text that begins with a capital letter. */
export function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A stored time as this place writes dates. */
export function when(time) {
  return new Date(time).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

/** What has the focus of a dialog that is closed already has it until the next frame alone: a press means the page. */
const isGone = (element) => Boolean(element?.closest?.("dialog:not([open])"));

/** Whether an event comes from a field that takes text. */
export function isTyping(event) {
  const target = event.target;
  if (isGone(target) || (target?.type === "checkbox" && event.key !== " ")) return false; // Space ticks it
  return event.isComposing || target?.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target?.tagName ?? "");
}

/** Enter and Space belong to the button or link that has the focus, tiles apart; held down, they press it once. */
export function buttonTakes(event) {
  const focused = document.activeElement?.closest?.("button:not(.wb-tile), a, summary");
  if (!focused || isGone(focused) || !["Enter", " "].includes(event.key)) return false;
  if (event.repeat) event.preventDefault();
  return true;
}

/** Whether a press came before one could see what had changed by itself at the time `when`, if it ever did. */
export function tooSoon(event, when) {
  return event?.timeStamp < when + NOTICE;
}

/** A random version 4 UUID; crypto.randomUUID is missing where a page is served over plain HTTP. */
export function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
