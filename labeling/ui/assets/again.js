// Asking again about pictures that somebody answered, so that Progress can say how far people agree.

import * as api from "./api.js";
import { alertBox, count, fill, h, uuid } from "./dom.js";
import { number } from "./strategies.js";

const PICTURES = 20;
const OPINIONS = 2;

/** The card that asks again; `requested` is called when the request was made. It is for more than one person. */
export function againCard({ people, requested }) {
  const pictures = number("again", PICTURES, 1, 100_000);
  const overlap = number("opinions", OPINIONS, 1, 20);
  const go = h("button", { type: "submit" }, "Ask again");
  const error = alertBox();
  const said = h("p", { class: "wb-hint", role: "status" });
  let wish = null; // one UUID for all tries of one wish, so that a repeated press asks once

  async function ask(event) {
    event.preventDefault();
    error.textContent = "";
    go.disabled = true;
    const words = { again: Number(pictures.value), overlap: Number(overlap.value) };
    if (wish?.again !== words.again || wish.overlap !== words.overlap) wish = { uuid: uuid(), ...words };
    try {
      const { items } = await api.post("api/requests", wish);
      wish = null;
      fill(said, `${count(items, "picture")} ${items === 1 ? "is" : "are"} asked for again.`);
      requested();
    } catch (problem) {
      error.textContent = problem.message;
    }
    go.disabled = false;
  }

  return h(
    "section",
    { class: "rq-card", hidden: people < 2 },
    h("h2", {}, "Do people agree?"),
    h(
      "p",
      { class: "wb-hint" },
      "Asks about random pictures again that somebody answered. Progress then says how far people agree, and those on which they differ wait in Browse.",
    ),
    h(
      "form",
      { class: "rq-again", onsubmit: ask },
      h("label", {}, "Pictures", pictures),
      h("label", {}, "Opinions on each", overlap),
      go,
      error,
    ),
    said,
  );
}
