// What all pages share: who is at the keyboard, the classes, the tab's own name.

import * as api from "./api.js";
import { depart, departed, followDepartures, stay } from "./departing.js";
import { openDialog } from "./dialog.js";
import { alertBox, h, uuid } from "./dom.js";
import { sayElsewhere } from "./elsewhere.js";
import { NO_COOKIE, ofTab } from "./storage.js";
import { showWho } from "./who.js";

/**
 * A name for this tab that survives a reload. A duplicated tab copies the session's storage while the first one lives;
 * it then finds the name in use and takes a new one, so that two tabs never share their images.
 */
export function clientName() {
  const free = ofTab.get("barlowmatch:client:left") === "yes";
  const name = (free && ofTab.get("barlowmatch:client")) || uuid();
  ofTab.set("barlowmatch:client", name);
  ofTab.set("barlowmatch:client:left", "no");
  window.addEventListener("pagehide", () => ofTab.set("barlowmatch:client:left", "yes"));
  window.addEventListener("pageshow", (event) => event.persisted && window.location.reload());
  return name;
}

/** Ask who is at the keyboard where the server does not know yet; resolves to { id, name }. */
export async function whoAmI(host) {
  const { me, people, login, project, project_id } = await api.get("api/people");
  api.actIn(project_id, project, (words) => sayElsewhere(host, words));
  followDepartures(project_id);
  const person = me ?? (await askName(host, people));
  api.actAs(person.id);
  const another = async () => {
    if (await askName(host, people, { mayCancel: true })) window.location.reload();
  };
  showWho(host, person, login, another);
  return person;
}

/** Ask for a name; resolves to the person. Whoever was here departs before the server hears of it. */
function askName(host, people, { mayCancel = false } = {}) {
  return new Promise((resolve) => {
    const input = h("input", { autofocus: true, autocomplete: "nickname", maxlength: 100, name: "person" });
    const error = alertBox();
    const choose = async (name) => {
      try {
        await depart();
        const person = await api.post("api/people/me", { name });
        const { me } = await api.get("api/people");
        if (me?.id !== person.id) throw new Error(NO_COOKIE);
        chosen = person;
        departed();
        dialog.close();
      } catch (problem) {
        stay();
        error.textContent = problem.message;
        input.focus();
      }
    };
    let chosen = null;
    const known = people.map((person) =>
      h("button", { type: "button", onclick: () => choose(person.name) }, person.name),
    );
    const form = h(
      "form",
      { class: "wb-form", onsubmit: (event) => (event.preventDefault(), choose(input.value)) },
      h("p", {}, "Labels carry the name of the person who gave them, so that several people can work at once."),
      known.length > 0 && h("div", { class: "wb-people" }, known),
      h("label", {}, known.length > 0 ? "Or a new name" : "Your name", input),
      error,
      h("div", { class: "wb-row" }, h("button", { class: "wb-main", type: "submit" }, "Start")),
    );
    const onclose = () => (chosen || mayCancel ? resolve(chosen) : resolve(askName(host, people)));
    const dialog = openDialog(host, "Who are you?", form, { onclose });
  });
}

/** The address of Browse under filters. */
export function browseAddress(filters) {
  const address = new URL("browse", api.BASE);
  address.search = new URLSearchParams(filters);
  return address;
}

/** The classes in their order, their version, and their names by id. */
export async function loadClasses() {
  const { classes, version } = await api.get("api/classes");
  const names = new Map(classes.map((cls) => [cls.id, cls.name]));
  return { classes, version, nameOf: (id) => names.get(id) ?? "none of our classes" };
}

/** The head of a page: its title and its own buttons. */
export function pageHead(title, ...buttons) {
  return h("header", { class: "wb-head" }, h("h1", {}, title), h("span", { class: "wb-space" }), buttons);
}

/** The label of an image in words. */
export function labelWords(label, nameOf) {
  if (label.state === "labeled") return nameOf(label.class);
  return { none: "no label", rejected: "none of our classes", disputed: "disputed" }[label.state] ?? label.state;
}
