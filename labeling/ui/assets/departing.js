// Who goes from one tab goes from all tabs of the browser. Before the server hears of it, each of them sends what was
// decided on it and gives its images back: later that would not be this person's to do. The browser's storage tells
// tabs of each other, also where pages come over plain HTTP.

import * as api from "./api.js";
import { uuid } from "./dom.js";
import { ofBrowser } from "./storage.js";

const PATIENCE = 3_000; // milliseconds for the other tabs; one that ended in a crash never answers

let place = null; // what the keys of the open project begin with
let mine = null; // the key by which other tabs know that this page has something to do
let work = { leave: async () => {}, stay: () => {} };

const going = () => `${place}going`;
const others = () => ofBrowser.keys(`${place}tab:`).filter((key) => key !== mine);

/** Follow from now on who goes from a project in another tab. */
export function followDepartures(project) {
  if (place !== null) return;
  place = `barlowmatch:${project}:`;
  window.addEventListener("storage", ({ key, newValue }) => {
    if (key !== going()) return;
    if (newValue === null) lookWhoIsHere();
    else leave().catch(() => {}); // what is held lapses
  });
}

/** Say what this page has to do before its person goes (`leave`), and where they stay after all (`stay`). */
export function beforeDeparting(client, leave, stay) {
  work = { leave, stay };
  mine = `${place}tab:${client}`;
  enroll();
  window.addEventListener("pagehide", () => ofBrowser.remove(mine));
}

function enroll() {
  if (mine !== null) ofBrowser.set(mine, ""); // where it is not kept, other tabs do not wait for this one
}

async function leave() {
  try {
    await work.leave();
  } finally {
    ofBrowser.remove(mine);
  }
}

/** Let this page and the browser's other tabs do what is to be done; what the server refuses is left undone. */
export async function depart() {
  const left = othersLeave();
  try {
    await leave();
  } catch (error) {
    if (error.offline !== false) throw error;
  }
  await left;
}

function othersLeave() {
  if (!ofBrowser.set(going(), uuid())) return Promise.resolve(); // no other tab hears of it
  return new Promise((resolve) => {
    const done = () => {
      window.removeEventListener("storage", look);
      clearTimeout(timer);
      for (const key of others()) ofBrowser.remove(key);
      resolve();
    };
    const look = () => others().length === 0 && done();
    const timer = setTimeout(done, PATIENCE);
    window.addEventListener("storage", look);
    look();
  });
}

/** Let the other tabs look who is here now. */
export function departed() {
  ofBrowser.remove(going());
}

/** The same where nobody went after all. */
export function stay() {
  departed();
  enroll();
  work.stay();
}

/** Ask for something of this person: where somebody else is here, the answer leads to their page. */
async function lookWhoIsHere() {
  try {
    await api.get("api/settings");
  } catch (error) {
    if (!error.offline) return;
  }
  stay();
}
