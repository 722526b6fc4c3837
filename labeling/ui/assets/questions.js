// Questions about the user's own pictures: is it still the same class when it is changed? The answers set the views.

import * as api from "./api.js";
import { alertBox, attempt, fill, h } from "./dom.js";

const ANSWERS = [
  ["same", "Yes, the same"],
  ["other", "No, another"],
];

const OF_COLORS = ["grey", "hue"]; // changes that show nothing on a gray picture
const SIDE = 32; // pixels of the square in which a picture is looked at for colors
const COLORFUL = 32; // of 255 between a pixel's strongest and weakest channel: more than cameras and JPEG add to gray
const SHARE = 0.02; // of such pixels in a picture that has colors

/** The panel with a picture and its changed version for each question. */
export class Questions {
  constructor({ changed }) {
    this.changed = changed;
    this.list = h("div", { class: "pj-questions" });
    this.error = alertBox();
    this.count = h("small", {});
    this.element = h(
      "details",
      { class: "pj-card wb-admins" },
      h("summary", {}, h("h2", {}, "Changes that keep a picture's class"), this.count),
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
  show(start) {
    const { pictures, predicted } = start;
    this.last = start;
    const questions = start.questions.filter((question) => this.colored !== null || !OF_COLORS.includes(question.change) || question.answer);
    const answered = questions.filter((question) => question.answer).length;
    this.element.hidden = pictures.length === 0;
    this.count.textContent = answered === questions.length ? "All answered" : `${answered} of ${questions.length} answered`;
    if (!this.shown) this.element.open = answered === 0 && !predicted;
    this.shown = true;
    if (pictures.length === 0) return;
    const pictureFor = ({ change }, place) => (OF_COLORS.includes(change) && this.colored) || pictures[place % pictures.length];
    fill(this.list, questions.map((question, place) => this.card(question, pictureFor(question, place))));
    this.searching ??= this.showColored(pictures);
  }

  /** Ask about colors with a picture that has some; where none has, nobody is asked. */
  async showColored(pictures) {
    this.colored = await firstColored(pictures);
    if (!this.colored) return void this.show(this.last);
    for (const change of OF_COLORS) {
      const images = this.list.querySelectorAll(`article[data-change=${change}] img`);
      images.forEach((image) => (image.src = this.colored.thumb));
      if (images.length) images[0].alt = `The picture ${this.colored.file}`;
    }
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
    await attempt(this.error, async () => {
      this.changed(await api.put(`api/views/${question.change}`, { answer }));
      this.list.querySelector(`[data-answer="${question.change}:${answer ?? "same"}"]`)?.focus();
    });
  }
}

/** Resolve to the first picture that has colors, null where none has. */
async function firstColored(pictures) {
  for (const picture of pictures) if (await hasColors(picture.thumb)) return picture;
  return null;
}

async function hasColors(url) {
  const image = h("img", { src: url });
  const canvas = h("canvas", { width: SIDE, height: SIDE }).getContext("2d", { willReadFrequently: true });
  try {
    await image.decode();
  } catch {
    return false; // a picture that cannot be shown is no example
  }
  canvas.drawImage(image, 0, 0, SIDE, SIDE);
  const { data } = canvas.getImageData(0, 0, SIDE, SIDE);
  let colorful = 0;
  for (let at = 0; at < data.length; at += 4) {
    const channels = data.subarray(at, at + 3);
    if (Math.max(...channels) - Math.min(...channels) > COLORFUL) colorful += 1;
  }
  return colorful > SHARE * SIDE * SIDE;
}

function meaning({ answer, meaning }) {
  if (answer === "same") return `So ${meaning}.`;
  if (answer === "other") return "So training leaves that as it is.";
  return "";
}
