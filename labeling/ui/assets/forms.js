// Forms drawn from the server's description of a config: one control a field, help and range beside it, rarely needed
// fields folded away, and the server's complaint about a field shown at that field.

import { fill, h, sentence } from "./dom.js";

let made = 0; // forms on this page, for ids of their own

/**
 * A form of described fields.
 *
 *   const form = new FieldForm(fields);         // fields: as GET /api/forms/{stage} lists them
 *   host.append(form.element);
 *   form.values()                               // { name: value } of what was changed, null where emptied
 *   form.show({ batch_size: 64 })               // fill in other values, as of a preset; they are the new start
 *   form.fill({ batch_size: 64 })               // fill them in as a person would: they count as changed
 *   form.complain(error)                        // an ApiError at its field; false where no field is to blame
 *
 * `onchange` is called after each change by the person.
 */
export class FieldForm {
  constructor(fields, { onchange = () => {} } = {}) {
    this.prefix = `form-${(made += 1)}`;
    this.controls = new Map();
    this.onchange = onchange;
    const draw = (field) => this.row(field);
    const basic = fields.filter((field) => !field.advanced);
    const advanced = fields.filter((field) => field.advanced);
    this.more = advanced.length
      ? h("details", { class: "form-more" }, h("summary", {}, `More settings (${advanced.length})`), this.grid(advanced.map(draw)))
      : null;
    this.element = h("div", { class: "form-fields" }, basic.length > 0 && this.grid(basic.map(draw)), this.more);
    this.element.addEventListener("input", (event) => this.changed(event.target));
  }

  grid(rows) {
    return h("div", { class: "form-grid" }, rows);
  }

  row(field) {
    const id = `${this.prefix}-${field.name}`;
    const input = control(field, id);
    const problem = h("span", { class: "form-problem", id: `${id}-problem`, role: "alert" });
    const help = h("span", { class: "form-help", id: `${id}-help` }, words(field.help), limits(field));
    input.setAttribute("aria-describedby", `${id}-help ${id}-problem`);
    this.controls.set(field.name, { field, input, problem, start: field.default });
    const unit = field.unit && h("span", { class: "form-unit" }, field.unit);
    const label = h("label", { for: id }, sentence(field.label));
    return h("div", { class: "form-row" }, label, h("div", { class: "form-control" }, input, unit), help, problem);
  }

  changed(input) {
    const found = [...this.controls.values()].find((entry) => entry.input === input);
    if (found) this.clear(found);
    this.onchange();
  }

  clear({ input, problem }) {
    problem.textContent = "";
    input.removeAttribute("aria-invalid");
  }

  /** What was changed since the form was drawn or `show` was called. */
  values() {
    const changed = {};
    for (const [name, { field, input, start }] of this.controls) {
      const value = read(field, input);
      if (value !== (start ?? null)) changed[name] = value;
    }
    return changed;
  }

  /** Fill in values, by name; they count as unchanged. */
  show(values) {
    this.fill(values);
    for (const [name, entry] of this.controls) if (name in values) entry.start = values[name];
  }

  /** Fill in values, by name, as a person would. */
  fill(values) {
    for (const [name, entry] of this.controls) {
      if (!(name in values)) continue;
      write(entry.field, entry.input, values[name]);
      this.clear(entry);
    }
  }

  /** Show an error at the field it blames, unfolded and focused; says whether there is such a field. */
  complain(error) {
    for (const entry of this.controls.values()) this.clear(entry);
    const entry = this.controls.get(error.field?.split(".").at(-1));
    if (!entry) return false;
    entry.problem.textContent = error.message;
    entry.input.setAttribute("aria-invalid", "true");
    if (entry.field.advanced) this.more.open = true;
    entry.input.focus();
    return true;
  }
}

function control(field, id) {
  if (field.kind === "choice") {
    const element = h("select", { id, name: field.name });
    const options = field.choices.map((choice) => h("option", { value: choice }, String(choice)));
    fill(element, field.optional && h("option", { value: "" }, "automatic"), options);
    element.value = field.default ?? "";
    return element;
  }
  if (field.kind === "boolean") {
    const element = h("input", { id, name: field.name, type: "checkbox" });
    element.checked = field.default === true;
    return element;
  }
  const numeric = field.kind === "integer" ? "numeric" : field.kind === "number" ? "decimal" : null;
  const element = h("input", {
    id,
    name: field.name,
    type: "text",
    inputmode: numeric,
    autocomplete: "off",
    spellcheck: "false",
    placeholder: field.optional ? "automatic" : null,
  });
  write(field, element, field.default);
  return element;
}

function write(field, input, value) {
  if (field.kind === "boolean") input.checked = value === true;
  else input.value = value ?? "";
}

/** What a control says: a number where it is one, else the text for the server to complain of; null when empty. */
function read(field, input) {
  if (field.kind === "boolean") return input.checked;
  const text = input.value.trim();
  if (text === "") return null;
  if (field.kind === "choice") return field.choices.find((choice) => String(choice) === text);
  const number = Number(text);
  return ["integer", "number"].includes(field.kind) && Number.isFinite(number) ? number : text;
}

/** A text whose `quoted` parts are what one types or chooses. */
function words(text) {
  return text.split("`").map((part, place) => (place % 2 ? h("code", {}, part) : part));
}

function limits({ low, high, open_low: open }) {
  const least = low == null ? null : `${open ? "above" : "from"} ${low.toLocaleString("en")}`;
  const most = high == null ? null : `up to ${high.toLocaleString("en")}`;
  const words = [least, most].filter(Boolean).join(" ");
  return words && h("span", { class: "form-range" }, ` ${sentence(words)}.`);
}
