// The form of the Request page: which strategy, with which parameters, how many pictures, and how many people each.

import { alertBox, count, fill, h } from "./dom.js";
import { FieldForm } from "./forms.js";

const FIRST = 5; // strategies shown without unfolding
const BUDGET = 100;
const NONE_LEFT = "No picture is left to ask for.";

const NEEDS = {
  embeddings: "embeddings",
  labels: "labels",
  probabilities: "a classifier's probabilities",
  head: "a linear classifier",
};

/** `preview` is called with { strategy, parameters, budget }, `changed` when another strategy is chosen. */
export class StrategyForm {
  constructor({ strategies, free }, { preview, changed }) {
    Object.assign(this, { strategies, preview, changed });
    const ready = strategies.filter((entry) => entry.lacks === null);
    const first = ready[0]; // there is one: random needs nothing
    const others = strategies.filter((entry) => entry.lacks !== null);
    const ordered = [...ready, ...others];
    const cards = ordered.map((entry) => card(entry, entry === first));
    this.cards = new Map(ordered.map(({ name }, place) => [name, cards[place]]));
    this.more = h(
      "details",
      { class: "rq-more" },
      h("summary", {}),
      cards.slice(FIRST),
    );
    this.others();
    this.parameters = h("div", { class: "rq-parameters" });
    this.budgetInput = number("budget", Math.max(1, Math.min(BUDGET, free)), 1, Math.max(1, free));
    this.overlapInput = number("overlap", 1, 1, 20);
    this.error = alertBox();
    this.go = h("button", { class: "wb-main", type: "submit" }, "Preview");
    this.element = h(
      "form",
      { class: "rq-form", onsubmit: (event) => this.submit(event), onchange: (event) => this.picked(event) },
      h("fieldset", { class: "rq-strategies" }, h("legend", {}, "Strategy"), cards.slice(0, FIRST), this.more),
      this.parameters,
      h(
        "div",
        { class: "rq-send" },
        h("label", {}, "Pictures to ask for", this.budgetInput),
        h("label", {}, "People for each", this.overlapInput),
        this.go,
        this.error,
      ),
    );
    this.drawParameters(first);
    this.choosing = false;
    this.update({ strategies, free });
  }

  /** Take over what there is now and what each strategy lacks; what was chosen and typed stays. */
  update({ strategies, free }) {
    Object.assign(this, { strategies, free });
    for (const { name, needs, lacks } of strategies) {
      const element = this.cards.get(name);
      element.querySelector("input").disabled = lacks !== null;
      element.querySelector("small").replaceWith(needWords(needs, lacks));
    }
    this.budgetInput.max = Math.max(1, free);
    if (free === 0) this.error.textContent = NONE_LEFT;
    else if (this.error.textContent === NONE_LEFT) this.error.textContent = "";
    this.busy = this.choosing;
  }

  get strategy() {
    return this.element.elements.strategy.value;
  }

  get overlap() {
    return Number(this.overlapInput.value);
  }

  set busy(value) {
    this.choosing = value;
    this.go.disabled = value || this.free === 0;
  }

  /** Say how many strategies are folded away. */
  others() {
    const [summary, ...cards] = this.more.children;
    summary.textContent = count(cards.length, "more strategy", "more strategies");
  }

  /** Set the form to a choice as the server tells of it, unless its strategy lacks something by now. */
  take({ strategy, parameters, budget }) {
    const card = this.cards.get(strategy);
    const input = card?.querySelector("input");
    if (!input || input.disabled) return;
    if (this.more.contains(card)) this.more.parentElement.querySelector("legend").after(card); // in sight
    this.others();
    input.checked = true;
    this.turned();
    this.fields.fill(parameters);
    this.budgetInput.value = Math.min(budget, this.budgetInput.max);
  }

  picked(event) {
    if (event.target.name === "strategy") this.turned();
  }

  /** Another strategy is chosen. */
  turned() {
    this.drawParameters(this.strategies.find((entry) => entry.name === this.strategy));
    this.error.textContent = "";
    this.changed();
  }

  drawParameters({ parameters }) {
    this.fields = new FieldForm(parameters);
    fill(this.parameters, parameters.length > 0 && this.fields.element);
  }

  submit(event) {
    event.preventDefault();
    this.error.textContent = "";
    this.preview({
      strategy: this.strategy,
      parameters: this.fields.values(),
      budget: Number(this.budgetInput.value),
    });
  }

  complain(error) {
    if (!this.fields.complain(error)) this.error.textContent = error.message;
  }
}

function card({ name, summary, needs, lacks }, checked) {
  return h(
    "label",
    { class: "rq-strategy" },
    h("input", { type: "radio", name: "strategy", value: name, checked, disabled: lacks !== null }),
    h("b", {}, name),
    h("span", {}, summary),
    needWords(needs, lacks),
  );
}

function needWords(needs, lacks) {
  const words = needs.length > 0 ? `Needs ${needs.map((need) => NEEDS[need]).join(" and ")}.` : "Needs nothing.";
  return h("small", { class: lacks === null ? "" : "rq-lacks" }, lacks ?? words);
}

/** A field for a whole number. */
export function number(name, value, min, max) {
  return h("input", { type: "number", name, value, min, max, step: 1, required: true, inputmode: "numeric" });
}
