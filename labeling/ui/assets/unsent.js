// What was decided on another page of this browser and waits to be sent: sent from here too, and said.

import * as api from "./api.js";
import { count, h } from "./dom.js";
import { Outbox, somethingWaits, waitingBy } from "./outbox.js";
import { clientName } from "./page.js";
import { Messages } from "./panels.js";

/** Send what waits of the person of this page; what the page shows does not hold it yet. */
export async function sendUnsent(host) {
  if (!somethingWaits()) return;
  const { me, project_id: project } = await api.get("api/people");
  const outbox = new Outbox(`${project}:${me.id}`, (events) => api.sendEvents(clientName(), events));
  if (outbox.size === 0) return;
  const decisions = `${count(outbox.size, "decision")} of yours`;
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

/** Words for what others than `me` decided in this browser and only they can send, "" where there is none. */
export async function othersUnsent(project, me) {
  const waiting = waitingBy(project);
  waiting.delete(me);
  if (waiting.size === 0) return "";
  const { people } = await api.get("api/people");
  return people
    .filter(({ id }) => waiting.has(id))
    .map(({ id, name }) => {
      const [verb, they] = waiting.get(id) === 1 ? ["waits", "it is"] : ["wait", "they are"];
      return `${count(waiting.get(id), "decision")} of ${name} ${verb} in this browser: ${they} sent when ${name} is here again.`;
    })
    .join(" ");
}
