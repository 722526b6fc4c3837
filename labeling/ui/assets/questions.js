// Questions about the user's own pictures: is it still the same class when it is changed? The answers set the views.

import * as api from "./api.js";
import { fill, h } from "./dom.js";

const ANSWERS = [
  ["same", "Yes, the same"],
  ["other", "No, another"],
];

/** The panel with a picture and its changed version for each question. */
export class Questions {
  constructor({ changed }) {
    this.changed = changed;
    this.list = h("div", { class: "pj-questions" });
    this.error = h("div", { class: "wb-error", role: "alert" });
    this.count = h("small", {});
    this.element = h(
      "details",
      { class: "pj-card wb-admins" },
      h("summary", {}, h("h2", {}, "What leaves a picture's class alone"), this.count),
      h(
        "p",
        { class: "wb-hint" },
        "Training shows the network changed versions of each picture. It may only change what does not matter for your classes. Unanswered, it does what is usual for photos.",
      ),
      this.list,
      this.error,
    );
  }

  /** Show what `GET /api/start` answered. */
  show({ questions, pictures, predicted }) {
    const answered = questions.filter((question) => question.answer).length;
    this.element.hidden = pictures.length === 0;
    this.count.textContent = answered === questions.length ? "All answered" : `${answered} of ${questions.length} answered`;
    if (!this.shown) this.element.open = answered === 0 && !predicted;
    this.shown = true;
    if (pictures.length) fill(this.list, questions.map((question, place) => this.card(question, pictures[place % pictures.length])));
  }

  card(question, picture) {
    const buttons = ANSWERS.map(([answer, words]) =>
      h(
        "button",
        {
          type: "button",
          "aria-pressed": String(question.answer === answer),
          dataset: { answer: `${question.change}:${answer}` },
          onclick: () => this.answer(question, question.answer === answer ? null : answer),
        },
        words,
      ),
    );
    return h(
      "article",
      { dataset: { change: question.change } },
      h(
        "div",
        { class: "pj-pair" },
        h("img", { src: picture.thumb, alt: `The picture ${picture.file}` }),
        h("span", { "aria-hidden": "true" }, "→"),
        h("img", { src: picture.thumb, alt: "The same picture, changed", dataset: { change: question.change } }),
      ),
      h("p", {}, question.words),
      h("div", { class: "pj-act", role: "group", "aria-label": question.words }, buttons),
      h("small", {}, meaning(question)),
    );
  }

  async answer(question, answer) {
    this.error.textContent = "";
    try {
      this.changed(await api.put(`api/views/${question.change}`, { answer }));
      this.list.querySelector(`[data-answer="${question.change}:${answer ?? "same"}"]`)?.focus();
    } catch (problem) {
      this.error.textContent = problem.message;
    }
  }
}

function meaning({ answer, meaning }) {
  if (answer === "same") return `So ${meaning}.`;
  if (answer === "other") return "So training leaves that as it is.";
  return "";
}
