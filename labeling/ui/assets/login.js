// The login page: sends name and password, then leads on to where one wanted to go.

import { BASE, post } from "./api.js";
import { NO_COOKIE, ofBrowser } from "./storage.js";

const form = document.querySelector("form");
const error = form.querySelector(".error");
const button = form.querySelector("button");

/** Where one wanted to go: a page of this server, never one elsewhere. */
function wanted() {
  const next = new URL(new URLSearchParams(window.location.search).get("next") ?? "", BASE);
  return next.href.startsWith(BASE.href) ? next : BASE;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  error.textContent = "";
  const { name, password } = Object.fromEntries(new FormData(form));
  try {
    await post("api/login", { name, password });
    if ((await fetch(new URL("api/people", BASE))).status === 401) throw new Error(NO_COOKIE);
    window.location.replace(wanted());
  } catch (problem) {
    error.textContent = problem.offline ? "The server cannot be reached." : problem.message;
    form.elements.password.value = "";
    form.elements.password.focus();
  } finally {
    button.disabled = false;
  }
});

const stored = ofBrowser.get("barlowmatch:theme");
const dark = stored ? stored === "dark" : window.matchMedia("(prefers-color-scheme: dark)").matches;
document.documentElement.classList.toggle("dark", dark);
button.disabled = false; // until now a press would have sent the form by itself
