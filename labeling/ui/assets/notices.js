// Words for when there is no picture: what has happened, and the way on.

import { BASE } from "./api.js";
import { count, h } from "./dom.js";

const STATES = {
  loading: ["Fetching images…"],
  ready: ["Fetching images…"],
  offline: ["Offline", "The server does not answer. Labeling goes on by itself when it does."],
  failed: ["No images just now"],
  elsewhere: [
    "The rest is elsewhere",
    "What is left is with other people, or you skipped it twice. New images appear here by themselves.",
  ],
  tabs: [
    "Open in another tab",
    "The images that are left for you are in another tab or window of yours, or in one that broke off: what that held comes back within 15 minutes, or at once when you take it here.",
  ],
  resting: ["Resting", "Nobody moved here for 5 minutes: these images went back to where others can have them. Your next move brings images again."],
  unasked: ["Nothing has been asked for yet"],
  empty: [
    "All done",
    "Every image that was asked for has its answer. The Project page says what comes next: run a round, ask for more, or take the labels away.",
  ],
};

/** What whoever labels can do where nothing was ever asked for, by their role. */
const UNASKED = {
  admin: "The Project page says what comes first; on the Request page you ask for images of your choice.",
  annotator: "Ask an admin of the project to ask for images. They appear here by themselves.",
};

const NEXT = ["What next", "project"];
const REQUEST = ["Ask for images", "request"];
const SKIPPED = ["Skipped images", "browse?skipped=true&state=none"];

function waysOn(state, role) {
  if (state === "unasked") return role === "admin" ? [NEXT, REQUEST] : [];
  return { empty: [NEXT], elsewhere: [NEXT, SKIPPED], tabs: [NEXT] }[state] ?? [];
}

/** Words for a queue with nothing in it; `again` asks the server once more, `bring` takes what other tabs hold. */
export function emptyNotice({ state, problem }, role, waiting, { again, bring }) {
  const [title, text = state === "unasked" ? UNASKED[role] : problem?.message] = STATES[state];
  const busy = state === "loading" || state === "ready";
  return [
    busy ? h("p", {}, title) : h("strong", {}, title),
    !busy && text && h("p", {}, text),
    waiting > 0 && h("p", {}, `${count(waiting, "decision")} kept here, to be sent.`),
    !busy && h("div", { class: "wb-row" }, [
        waysOn(state, role).map(([words, page]) => h("a", { href: new URL(page, BASE) }, words)),
        state === "tabs" && h("button", { type: "button", onclick: bring }, "Take them here"),
        h("button", { type: "button", onclick: again }, "Look again"),
      ]),
  ];
}

/** Words for a picture that cannot be had: offline, gone, changed or broken. */
export function lostNotice(item, error, { retry, skip }) {
  const gone = error.status === 410 || error.status === 404;
  const title = error.offline ? "Offline" : gone ? "This image is gone" : "This image cannot be shown";
  const text = error.offline
    ? "This picture had not arrived yet. It comes by itself when the server answers."
    : `${item.file}: ${error.message}`;
  return [
    h("strong", {}, title),
    h("p", {}, text),
    h(
      "div",
      { class: "wb-row" },
      h("button", { type: "button", onclick: retry }, "Try again"),
      !error.offline && h("button", { type: "button", onclick: skip }, "Skip it"),
    ),
  ];
}
