// Who is at the keyboard, at the top of every page beside dark or light: switch to another name, or log out.

import * as api from "./api.js";
import { depart, departed } from "./departing.js";
import { openDialog } from "./dialog.js";
import { alertBox, attempt, h } from "./dom.js";
import { themeButton } from "./theme.js";

export const ROLES = { annotator: "Annotator", admin: "Admin" };

/** Whether the one at the keyboard may do what is for admins; what has the class `wb-admins` others do not see. */
export const isAdmin = () => !document.querySelector('[data-role="annotator"]');

/** Show who it is beside the page links; `switchPerson` asks for another name where nobody logs in. */
export function showWho(host, me, login, switchPerson) {
  const frame = host.closest(".gradio-container") ?? document.body;
  frame.querySelector(".wb-me")?.remove();
  frame.dataset.role = login === "none" ? "admin" : me.role; // pages that only admins can use are not offered to others
  const open = () => (login === "none" ? switchPerson() : openAccount(host, me, login));
  const title = login === "none" ? `You label as ${me.name}: switch person` : `You are ${me.name}: account, log out`;
  const button = h(
    "button",
    { class: "wb-quiet", type: "button", title, "aria-label": title, onclick: open },
    h("i", { "aria-hidden": "true" }, [...me.name][0].toUpperCase()),
    h("span", {}, me.name),
  );
  frame.append(h("div", { class: "wb-me wb" }, themeButton(), button));
  frame.querySelector(".nav-holder a.active")?.scrollIntoView({ inline: "center", block: "nearest" }); // on a phone they scroll
}

/** The dialog of one's own account. */
function openAccount(host, me, login) {
  const leave = h("button", { type: "button", onclick: () => logOut(leave) }, "Log out");
  const words = login === "proxy" ? "Your organisation's login names you; log out there." : ROLES[me.role];
  openDialog(
    host,
    me.name,
    h("div", { class: "wb-form" }, h("p", {}, words), login === "password" && [passwordForm(), h("hr"), leave]),
  );
}

async function logOut(button) {
  button.disabled = true;
  await depart().catch(() => {}); // the server is out of reach: what is held here lapses
  await api.endSession();
  departed();
  window.location.assign(new URL("login", api.BASE));
}

function passwordForm() {
  const said = alertBox();
  const field = (label, name, autocomplete) =>
    h("label", {}, label, h("input", { name, type: "password", autocomplete, required: true, maxlength: 256 }));
  const change = async (event) => {
    event.preventDefault();
    const { old, fresh } = Object.fromEntries(new FormData(form));
    if (!(await attempt(said, () => api.post("api/password", { old, new: fresh })))) return;
    form.reset();
    said.textContent = "Changed. Elsewhere you are logged out.";
  };
  const form = h(
    "form",
    { class: "wb-form", onsubmit: change },
    field("Present password", "old", "current-password"),
    field("New password", "fresh", "new-password"),
    said,
    h("div", { class: "wb-row" }, h("button", { class: "wb-main", type: "submit" }, "Change password")),
  );
  return form;
}
