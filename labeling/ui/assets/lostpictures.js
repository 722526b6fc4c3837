// Small pictures that did not come: an empty place each, and asked for again once the server answers.

import { BASE } from "./api.js";

const EMPTY = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==";
const AGAIN = 4_000; // milliseconds between questions whether the server answers
const TRIES = 3; // with a server that answers: a picture that cannot be had is not asked for without end

const lost = new Map(); // image → its address
const tried = new WeakMap(); // image → { address, times }

/** Follow the pictures inside `host`: no torn one, and no name of a file turned upside down. */
export function followPictures(host) {
  host.addEventListener("error", leaveEmpty, { capture: true }); // it does not bubble
}

function leaveEmpty({ target }) {
  if (target.tagName !== "IMG" || target.src === EMPTY) return;
  const { src } = target;
  target.src = EMPTY;
  if (tried.get(target)?.address !== src) tried.set(target, { address: src, times: 0 });
  if (tried.get(target).times >= TRIES) return;
  if (lost.size === 0) setTimeout(askAgain, AGAIN);
  lost.set(target, src);
}

async function askAgain() {
  const answers = await fetch(new URL("api/health", BASE)).then((answer) => answer.ok, () => false);
  const empty = [...lost].filter(([image]) => image.isConnected && image.src === EMPTY);
  lost.clear();
  for (const [image, src] of empty) {
    if (answers) {
      tried.get(image).times += 1;
      image.src = src;
    } else lost.set(image, src);
  }
  if (lost.size > 0) setTimeout(askAgain, AGAIN);
}
