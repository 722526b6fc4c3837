// What was decided on another page of this browser and waits to be sent: sent from here too, and said.

import * as api from "./api.js";
import { h } from "./dom.js";
import { Outbox, somethingWaits } from "./outbox.js";
import { clientName } from "./page.js";
import { Messages } from "./panels.js";

/** Send what waits of the person of this page; what the page shows does not hold it yet. */
export async function sendUnsent(host) {
  if (!somethingWaits()) return;
  const [{ me }, { project_id: project }] = await Promise.all([api.get("api/people"), api.get("api/progress")]);
  const outbox = new Outbox(`${project}:${me.id}`, (events) => api.sendEvents(clientName(), events));
  const count = outbox.size;
  if (count === 0) return;
  const decisions = count === 1 ? "1 decision of yours" : `${count.toLocaleString("en")} decisions of yours`;
  const messages = new Messages();
  host.after(h("div", { class: "wb" }, messages.element));
  outbox.on("state", ({ size, problem }) => {
    if (size > 0) messages.say("unsent", `${decisions} still wait in this browser. ${problem}`, { bad: true });
    else messages.say("unsent", `${decisions} waited in this browser: stored now. Load the page again to count them in.`);
  });
  outbox.on("result", (event, { status, message }) => {
    if (["refused", "conflict"].includes(status)) messages.say(event.uuid, `Not stored: ${message}`, { bad: true });
  });
  await outbox.flush();
}
