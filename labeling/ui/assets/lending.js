// How many images a tab holds ahead, and what of them is on the grid meanwhile.

import * as api from "./api.js";

const MOST_AHEAD = 40; // images leased ahead
const LEAST_AHEAD = 4; // so many even where hardly any is left: the next one is painted from memory
const FEW = 2; // so many while nobody looks or moves: the picture in front and the one after it

/** How many images to hold: at most half of what is left, so that whoever comes finds some to do. */
export function ahead(left, attended) {
  if (!attended) return FEW;
  return Math.min(MOST_AHEAD, Math.max(LEAST_AHEAD, Math.ceil(left / 2)));
}

/** Give images of the queue back; those that could not be are there as before. A refill waits for it. */
export function giveBack(session, items) {
  const released = api.release(session.client, items.map((item) => item.lease)).catch(() => {
    if (session.closed) return; // they lapse
    session.queue.push(...items.filter((item) => !session.queue.includes(item) && !session.decided.has(item.lease)));
    if (session.state === "resting") session.state = "ready";
    session.changed();
  });
  session.returning = Promise.all([session.returning, released]);
  return session.returning;
}

/** Let the grid have what is on its page out of the queue; returns the page, but for what is decided and under way. */
export function lend(session, items) {
  const gone = new Set([...session.decided, ...session.outbox.waiting().map((event) => event.lease)]);
  const own = new Map(session.queue.map((item) => [item.image, item]));
  const page = items.filter((item) => !gone.has(item.lease)).map((item) => own.get(item.image) ?? item);
  const lent = new Set(page);
  session.places = new Map(session.queue.map((item, place) => [item.image, place]));
  session.queue = session.queue.filter((item) => !lent.has(item));
  return page;
}

/** Put what the grid leaves back where it was in the queue. */
export function takeBack(session, items) {
  if (session.closed) return;
  const place = (item) => session.places?.get(item.image) ?? -1; // what came since by an undo stays in front
  const back = items.filter((item) => item.lease && !session.decided.has(item.lease) && place(item) >= 0).sort((one, other) => place(one) - place(other));
  for (const item of back) {
    const later = session.queue.findIndex((other) => place(other) > place(item));
    session.queue.splice(later < 0 ? session.queue.length : later, 0, item);
  }
}

/** Why a class that has unlabeled images has none to show to somebody, who may be `full` with images in other tabs. */
export function whyNone(full, tabs) {
  if (full)
    return `You hold as many images as one person may at a time, ${tabs.toLocaleString("en")} of them in other tabs or windows. Label those, or close a tab; then open the grid again.`;
  return "No image of this class is free just now: what is left is with other people or in other tabs of yours, or you skipped it, or it is asked about without a guess.";
}
