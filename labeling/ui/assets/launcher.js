// How runs are started: by this Python, or by a program in front of it that spreads them over GPUs or sends them away.

import * as api from "./api.js";
import { alertBox, fill, h, uuid } from "./dom.js";

const ELSEWHERE = [
  "People log in here, so this is set on the server alone: ",
  h("code", { style: { whiteSpace: "normal" } }, "python -m labeling launcher --project P --words 'torchrun --nproc-per-node 4'"),
  ". It counts for every run started from here.",
];
const HELP = [
  "Leave it empty to use this machine as it is. For several GPUs: ",
  h("code", {}, "torchrun --nproc-per-node 4"),
  ". On a cluster whose disk holds this project: ",
  h("code", {}, "srun --gres gpu:1 python"),
  ". It counts for every run started from here.",
];

/** The field, folded away; what it says is asked for when it is unfolded. */
export class Launcher {
  constructor() {
    this.typed = false;
    this.input = h("input", {
      name: "launcher",
      autocomplete: "off",
      spellcheck: "false",
      placeholder: "this Python",
      maxlength: 500,
      "aria-describedby": "launcher-help",
    });
    this.button = h("button", { type: "submit" }, "Save");
    this.help = h("p", { class: "wb-hint", id: "launcher-help" }, HELP);
    this.told = h("span", { role: "status" });
    this.error = alertBox();
    this.element = h(
      "form",
      { class: "tr-card", "aria-label": "How runs are started", onsubmit: (event) => this.save(event), oninput: () => this.changed() },
      h(
        "details",
        { class: "form-more", ontoggle: () => this.read() },
        h("summary", {}, "Several GPUs or a cluster"),
        h("div", { class: "tr-line tr-launcher" }, h("label", {}, "Start runs with", this.input), this.button, this.told),
        this.help,
        this.error,
      ),
    );
  }

  async read() {
    try {
      const { launcher, settable } = await api.get("api/launcher");
      if (!settable) this.lock();
      if (!this.typed || !settable) this.input.value = launcher; // the answer may come late
    } catch (error) {
      this.say("", error.message);
    }
  }

  lock() {
    this.input.readOnly = true;
    this.button.hidden = true;
    fill(this.help, ELSEWHERE);
  }

  async save(event) {
    event.preventDefault();
    try {
      const { launcher } = await api.put("api/launcher", { uuid: uuid(), launcher: this.input.value });
      this.input.value = launcher;
      this.typed = false;
      this.say("Saved");
    } catch (error) {
      this.say("", error.message);
    }
  }

  changed() {
    this.typed = true;
    this.say("");
  }

  say(words, problem = "") {
    this.told.textContent = words;
    this.error.textContent = problem;
  }
}
