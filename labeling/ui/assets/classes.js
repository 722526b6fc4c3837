// The classes: the list with its keys, the search, and making a new one.

import { openDialog } from "./dialog.js";
import { alertBox, fill, h, keycap } from "./dom.js";

const SHORT = 12; // letters of a name that fit into a third of a phone's width

/** The list of classes, each a button with its key and its number of labels. */
export class ClassList {
  /** `choose` gets a class id and the event; `none` makes what is shown where there is no class. */
  constructor(choose, none) {
    Object.assign(this, { choose, none });
    this.buttons = new Map();
    this.element = h("div", { class: "wb-classes" });
  }

  /** Show classes in their order; those that are `gone` leave their place empty, so that no other moves under the hand. */
  update(classes, keymap) {
    this.buttons = new Map(
      classes.map((cls) => {
        const key = keymap.byClass.get(cls.id);
        const counted = h("small", {}, "");
        const button = h(
          "button",
          {
            class: "wb-class",
            type: "button",
            title: cls.gone ? `${cls.name} is no class any more` : cls.name,
            disabled: cls.gone,
            onclick: (event) => this.choose(cls.id, event),
          },
          key && keycap(key),
          h("span", {}, cls.name),
          counted,
        );
        return [cls.id, { button, counted }];
      }),
    );
    const short = classes.every(({ name }) => name.length <= SHORT);
    this.element.classList.toggle("wb-short", short);
    this.rows = Math.ceil(classes.length / (short ? 3 : 2)) || 2; // on a phone
    const none = () => h("p", { class: "wb-none" }, "No classes yet: ", this.none());
    fill(this.element, classes.length > 0 ? [...this.buttons.values()].map(({ button }) => button) : none());
  }

  /** Mark the classes that a model guesses, where they stand. */
  guess(guesses) {
    const shares = new Map(guesses.map((guess) => [guess.class, guess.probability ?? 0]));
    for (const [id, { button }] of this.buttons) {
      button.style.setProperty("--wb-share", `${100 * (shares.get(id) ?? 0)}%`);
      button.classList.toggle("wb-likely", id === guesses[0]?.class);
    }
  }

  /** Show how many images each class has: a Map of class id to number. */
  count(numbers) {
    for (const [id, { counted }] of this.buttons) {
      const words = (numbers.get(id) ?? 0).toLocaleString("en");
      if (counted.textContent !== words) counted.textContent = words;
    }
  }

  /** Light a class up for a moment, so that the eye sees which key was taken. */
  hit(id) {
    const button = this.buttons.get(id)?.button;
    if (!button) return;
    button.classList.add("wb-hit");
    setTimeout(() => button.classList.remove("wb-hit"), 160);
  }
}

/** How well a name matches what was typed: smaller is better, null is not at all. */
function match(name, typed) {
  const lower = name.toLowerCase();
  if (lower === typed) return 0;
  if (lower.startsWith(typed)) return 1;
  if (lower.includes(typed)) return beginsWord(lower, typed) ? 2 : 3;
  const words = typed.split(/\s+/);
  if (words.every((word) => lower.includes(word))) return words.every((word) => beginsWord(lower, word)) ? 4 : 5;
  let from = 0; // letters in order, with gaps
  for (const letter of typed) {
    from = lower.indexOf(letter, from) + 1;
    if (from === 0) return null;
  }
  return 6;
}

/** Whether a word of `name` begins with `typed`. */
function beginsWord(name, typed) {
  for (let place = name.indexOf(typed); place >= 0; place = name.indexOf(typed, place + 1))
    if (place === 0 || /[^\p{L}\p{N}]/u.test(name[place - 1])) return true;
  return false;
}

/**
 * Search the classes by name; `choose` gets a class id, `create` a name that does not exist yet. Nothing is chosen
 * before something was typed or an arrow pressed. `beside` is what the dialog leaves in sight.
 */
export function searchClasses(host, classes, { choose, create, title = "Which class?", beside = null }) {
  let options = [];
  let selected = -1;
  const list = h("div", { class: "wb-options", role: "listbox", id: "wb-found" });
  const input = h("input", {
    autofocus: true,
    placeholder: "Type part of a name",
    "aria-label": "Class",
    role: "combobox",
    "aria-expanded": "true",
    "aria-controls": "wb-found",
    autocomplete: "off",
    spellcheck: "false",
  });
  const dialog = openDialog(host, title, h("div", { class: "wb-form" }, input, list), { beside });

  const take = (option) => {
    dialog.close();
    if (option.create) create(option.create);
    else choose(option.id);
  };
  const draw = () => {
    const buttons = options.map((option, place) =>
      h(
        "button",
        {
          type: "button",
          role: "option",
          id: `wb-found-${place}`,
          "aria-selected": String(place === selected),
          tabindex: "-1",
          onclick: () => take(option),
        },
        option.create ? `Make a new class “${option.create}”` : option.name,
      ),
    );
    fill(list, buttons.length ? buttons : h("p", {}, "No class has that in its name."));
    if (selected >= 0) input.setAttribute("aria-activedescendant", `wb-found-${selected}`);
    else input.removeAttribute("aria-activedescendant");
    buttons[selected]?.scrollIntoView({ block: "nearest" });
  };
  const search = () => {
    const typed = input.value.trim();
    const found = classes
      .map((cls) => ({ ...cls, rank: match(cls.name, typed.toLowerCase()) }))
      .filter((cls) => cls.rank !== null);
    found.sort((left, right) => left.rank - right.rank);
    options = found.slice(0, 200);
    const exists = classes.some((cls) => cls.name.toLowerCase() === typed.toLowerCase());
    if (create && typed && !exists) options.push({ create: typed });
    selected = typed ? 0 : -1;
    draw();
  };
  input.addEventListener("input", search);
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && options.length) {
      selected = selected < 0 && step < 0 ? options.length - 1 : (selected + step + options.length) % options.length;
      draw();
    } else if (event.key === "Enter") {
      if (options[selected] && !event.repeat) take(options[selected]);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  });
  search();
}

/** Ask for the name of a new class; `create` stores it and rejects with an error to show. */
export function newClass(host, create, { name = "", beside = null } = {}) {
  const input = h("input", { autofocus: true, value: name, maxlength: 200, autocomplete: "off", name: "name" });
  const error = alertBox();
  const save = h("button", { class: "wb-main", type: "submit" }, "Make it and label this image");
  const submit = async (event) => {
    event.preventDefault();
    save.disabled = true;
    try {
      await create(input.value);
      dialog.close();
    } catch (problem) {
      error.textContent = problem.message;
      input.focus();
    } finally {
      save.disabled = false;
    }
  };
  const form = h(
    "form",
    { class: "wb-form", onsubmit: submit },
    h("label", {}, "Name", input),
    error,
    h("div", { class: "wb-row" }, save),
  );
  const dialog = openDialog(host, "New class", form, { beside });
}
