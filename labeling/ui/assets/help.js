// The cheat sheet: every key, and giving a key to something else.

import { openDialog } from "./dialog.js";
import { alertBox, attempt, fill, h, keycap } from "./dom.js";
import { ACTIONS, givenKey } from "./keys.js";

const PLACES = [
  ["Esc", "Close a dialog, leave the grid; Browse: choose no image"],
  ["← ↑ → ↓", "Move about the grid or a zoomed picture"],
  ["Click", "Zoom into a picture where it is clicked or tapped, and out again"],
  ["Space", "Grid: leave the tile out, or take it in again"],
  ["⇧ + arrows", "Grid: leave out a whole range"],
  ["A", "Grid: turn the choice about"],
  ["PgUp PgDn", "Browse: turn pages; grid: the class before, the next"],
  ["Ctrl Z, Ctrl ⇧Z", "Undo, redo"],
];

/**
 * Show the keys of a keymap. `assign(target, key)` stores a choice and rejects with an error to show; a target is
 * { action } or { class }, a key of null means the first one again.
 */
export function showKeys(host, keymap, assign) {
  const error = alertBox();
  const actions = h("div", { class: "wb-keys" });
  const classes = h("div", { class: "wb-keys" });
  let listening = null;

  const row = (text, key, target) => {
    const label = key ? `Key for ${text}: ${key}` : `Give ${text} a key`;
    const button = h("button", { type: "button", "aria-label": label }, key ? keycap(key) : "Set");
    button.addEventListener("click", () => {
      draw();
      listening = target;
      const again = [...host.querySelectorAll(".wb-keys button")].find(
        (other) => other.getAttribute("aria-label") === label,
      );
      again?.classList.add("wb-listening");
      if (again) again.textContent = "Press a key";
      again?.focus();
    });
    return h("div", {}, h("span", {}, text), button);
  };
  const draw = () => {
    listening = null;
    fill(
      actions,
      ACTIONS.map((action) => row(action.text, keymap.byAction.get(action.id), { action: action.id })),
    );
    fill(
      classes,
      keymap.classes.map((cls) => row(cls.name, keymap.byClass.get(cls.id), { class: cls.id })),
    );
  };
  const store = async (target, key) => {
    error.textContent = (key && keymap.objection(key, target)) ?? "";
    if (error.textContent) return;
    await attempt(error, () => assign(target, key));
    draw();
  };
  const reset = () => store({ action: null }, null);
  const content = h(
    "div",
    { class: "wb-form" },
    h(
      "p",
      {},
      "A key labels, saves and brings the next image. Click a key to change it: an action's for you alone, a class's for everybody.",
    ),
    error,
    actions,
    h("h2", {}, "Classes"),
    classes,
    h("h2", {}, "Everywhere"),
    h(
      "div",
      { class: "wb-keys" },
      PLACES.map(([key, text]) => h("div", {}, h("span", {}, text), h("kbd", {}, key))),
    ),
    h(
      "div",
      { class: "wb-row" },
      h("button", { class: "wb-quiet", type: "button", onclick: reset }, "Back to the first keys"),
    ),
  );
  draw();
  const dialog = openDialog(host, "Keys", content, { wide: true });
  dialog.element.addEventListener("keydown", (event) => {
    if (!listening) return;
    const key = givenKey(event);
    if (key === null) return;
    event.preventDefault();
    event.stopPropagation();
    const target = listening;
    draw();
    if (key !== "Escape") store(target, key);
  });
  return dialog;
}
