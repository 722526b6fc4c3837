// A wait that says what for and how long.

import { h, meter, sentence } from "./dom.js";

/** Seconds as people say them: "45 s", "12 min", "3 h 20 min". */
export function duration(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A bar and a sentence: what is going on, how far, and how long it will still take. */
export function wait({ work, done, total, remaining }) {
  const share = total ? done / total : 0;
  const number = total ? `, ${done.toLocaleString("en")} of ${total.toLocaleString("en")}` : "";
  const left = total && remaining > 0 && done < total ? `, about ${duration(remaining)} left` : "";
  return h(
    "div",
    { class: "pj-wait", role: "status" },
    meter(share, { role: "progressbar", "aria-label": work, "aria-valuenow": done, "aria-valuemax": total || 1 }),
    h("small", {}, `${work}${number}${left}`),
  );
}

/** The wait for a chore of the server, `words` until it has said what it does. */
export function choreWait(chore, words) {
  return wait({ work: sentence(chore.work) || words, done: chore.done, total: chore.total, remaining: chore.remaining_s });
}

/** A button that ends what is waited for; one for good, as a wait is drawn anew while somebody presses. */
export function stopButton(stop) {
  return h("button", { class: "wb-admins", type: "button", hidden: true, onclick: stop }, "Stop");
}
