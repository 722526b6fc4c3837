// The People page: who may come in, what they may do, and what each has labeled.

import * as api from "./api.js";
import { openDialog } from "./dialog.js";
import { alertBox, attempt, fill, h, table, uuid } from "./dom.js";
import { pageHead, whoAmI } from "./page.js";
import { ROLES } from "./who.js";

const COUNTED =
  "Answers are all that somebody gave and did not take back: an image that they answered again counts again. Browse, under Labeled by, has images instead: those with an answer of theirs that still counts.";
const HINT = "10 characters or more; several words are easy to remember.";

/** Build the page inside `host` and start it. */
export async function mount(host) {
  const me = await whoAmI(host);
  const page = new PeoplePage(host, me);
  await page.refresh();
}

class PeoplePage {
  constructor(host, me) {
    Object.assign(this, { host, me });
    this.error = alertBox();
    this.intro = h("p", { class: "pp-intro" });
    this.done = h("p", { class: "pp-done", role: "status", hidden: true });
    this.list = h("div", { class: "pp-scroll" });
    this.counted = h("p", { class: "wb-hint", hidden: true }, COUNTED);
    this.add = h("button", { class: "wb-main", type: "button", onclick: () => this.openAdd() }, "Add somebody");
    const head = pageHead("People", this.add);
    fill(host, h("div", { class: "pp-page" }, h("div", {}, head, this.intro, this.error, this.done, this.list, this.counted)));
  }

  async refresh() {
    if (this.me.role !== "admin") {
      this.add.hidden = true;
      this.intro.textContent = "Who may come in is for the project's admins to say. Your own password is under your name, at the top.";
      return;
    }
    const { people, login } = await api.get("api/team");
    this.login = login;
    this.intro.textContent = {
      none: "Only this machine reaches the project, so nobody logs in: whoever sits here says a name. People added here can log in once the project is served to others (docs/people.md).",
      password: "People log in by name and password. Nobody is ever deleted: who is kept out leaves their labels.",
      proxy: "Your organisation's login names people; who comes for the first time becomes an annotator.",
    }[login];
    fill(this.list, this.table(people));
    this.counted.hidden = false;
  }

  table(people) {
    const rows = people.map((person) => this.row(person));
    return table(["Name", "Role", "Way in", "Answers", "Last answer", ""], rows, { class: "pp-table" });
  }

  row(person) {
    const role = h(
      "select",
      {
        "aria-label": `Role of ${person.name}`,
        disabled: !person.active,
        onchange: () => this.change(person, { role: role.value }),
      },
      Object.entries(ROLES).map(([value, word]) => h("option", { value, selected: value === person.role }, word)),
    );
    const way = !person.active ? "kept out" : person.can_log_in ? "password" : "no password";
    const reset = h(
      "button",
      { type: "button", onclick: () => this.openPassword(person) },
      person.can_log_in ? "New password" : "Set password",
    );
    const active = h(
      "button",
      { type: "button", onclick: () => this.letIn(person, !person.active) },
      person.active ? "Keep out" : "Let in again",
    );
    const mine = person.id === this.me.id;
    return h(
      "tr",
      { class: person.active ? "" : "pp-out" },
      h("th", { scope: "row" }, person.name, mine && h("small", {}, " (you)")),
      h("td", {}, role),
      h("td", {}, way),
      h("td", {}, person.answers.toLocaleString("en")),
      h("td", {}, person.latest ? new Date(person.latest).toLocaleDateString([], { dateStyle: "medium" }) : "never"),
      h("td", { class: "pp-acts" }, person.active && reset, !mine && active),
    );
  }

  /** Let somebody in or keep them out at once, say what that did, and offer to take it back. */
  async letIn(person, active) {
    if (!(await this.change(person, { active }))) return;
    const words = active
      ? `${person.name} may come in again.`
      : `${person.name} is kept out: logged out, and the images on their hands are others' to label. Their labels stay.`;
    const undo = h("button", { type: "button", onclick: () => this.letIn(person, !active) }, "Undo");
    this.done.hidden = false;
    fill(this.done, words, " ", undo);
    undo.focus();
  }

  /** Change something at once; the page then shows what the server says. Resolves to whether it was done. */
  async change(person, what) {
    this.done.hidden = true;
    const done = await attempt(this.error, () => api.patch(`api/team/${person.id}`, { uuid: uuid(), ...what }));
    if (done && person.id === this.me.id) return window.location.reload(); // other pages are offered to another role
    await this.refresh();
    return done;
  }

  openPassword(person) {
    const send = (values, id) => api.patch(`api/team/${person.id}`, { uuid: id, password: values.password });
    this.openForm(`New password for ${person.name}`, "Whoever is logged in with the old one is logged out.", [password()], send, "Set password");
  }

  openAdd() {
    const name = h("label", {}, "Name", h("input", { name: "name", required: true, maxlength: 100, autofocus: true, autocomplete: "off" }));
    const options = Object.entries(ROLES).map(([value, word]) => h("option", { value }, word));
    const role = h("label", {}, "Role", h("select", { name: "role" }, options));
    const send = (values, id) =>
      api.post("api/team", { uuid: id, name: values.name, role: values.role, password: values.password || null });
    const words = "Annotators label. Admins also start runs, ask for labels, import, export, and let people in.";
    const fields = [name, role, password(this.login !== "proxy")];
    this.openForm("Add somebody", words, fields, send, "Add");
  }

  openForm(title, words, fields, send, verb) {
    const error = alertBox();
    let id = uuid(); // sent again after an error that is no refusal, it is the same act
    const submit = async (event) => {
      event.preventDefault();
      try {
        await send(Object.fromEntries(new FormData(form)), id);
        dialog.close();
        await this.refresh();
      } catch (problem) {
        error.textContent = problem.message;
        if (!problem.offline) id = uuid();
      }
    };
    const row = h("div", { class: "wb-row" }, h("button", { class: "wb-main", type: "submit" }, verb));
    const form = h("form", { class: "wb-form", onsubmit: submit }, h("p", {}, words), fields, error, row);
    const dialog = openDialog(this.host, title, form);
  }
}

/** A field for a first password, shown as text: it is handed over, not remembered. */
function password(required = true) {
  const input = h("input", { name: "password", required, minlength: 10, maxlength: 256, autocomplete: "off", spellcheck: "false" });
  return h("label", {}, required ? "Password to hand over" : "Password (none: the login of your organisation)", input, h("small", {}, HINT));
}
