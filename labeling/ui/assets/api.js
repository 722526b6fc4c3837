// The HTTP API (docs/api.md) as functions. Errors carry a sentence for people, and `offline` where no answer came.

/** Where the workbench is served, root path included, ending in a slash. */
export const BASE = new URL("../", import.meta.url);
const PATIENCE = 20_000; // milliseconds for an answer
const REFUSED = [413, 422]; // said of the events themselves; 400 and 404 also come from whoever else listens there

/** What went wrong, in a sentence; `status` 0 and `offline` where the server could not be reached. */
export class ApiError extends Error {
  constructor(message, { status = 0, field = null, body = null } = {}) {
    super(message);
    this.status = status;
    this.field = field;
    this.body = body;
    this.offline = status === 0;
  }
}

const PRESENT = "api/health"; // asks for nothing but who answers

let me = null;
let project = null; // which one this page shows: { id, name, told }
let elsewhere = false; // whether another one was open at this address when last asked
let leaving = false;

/** Say from now on whom this page shows: what it sends counts as nobody else's, whoever is at work in another tab. */
export function actAs(person) {
  me = person;
}

/** Say which project this page shows: another one gets nothing of it; `told` hears in words when there is one, or null. */
export function actIn(id, name, told) {
  project = { id, name, told };
}

async function request(path, options = {}) {
  if (elsewhere && path !== PRESENT) await get(PRESENT); // what is decided goes out when its own project answers again
  const headers = { ...options.headers };
  if (me !== null) headers["X-Person"] = String(me);
  if (project !== null) headers["X-Project"] = project.id;
  try {
    return await fetch(new URL(path, BASE), {
      credentials: "same-origin",
      signal: AbortSignal.timeout(PATIENCE),
      ...options,
      headers,
    });
  } catch {
    throw new ApiError("The server cannot be reached. What you decide is kept here and sent when it answers.");
  }
}

/** A capital letter first, a full stop last. */
function fullSentence(words) {
  const whole = /[.!?…]$/.test(words) ? words : `${words}.`;
  return whole.charAt(0).toUpperCase() + whole.slice(1);
}

async function failure(response) {
  const body = await response.json().catch(() => ({}));
  if (response.status === 401 && body.error === "nobody is logged in") toLogin();
  if (response.status === 409 && body.field === "X-Person") toWhoIsHere();
  if (response.status === 409 && body.field === "X-Project") return notHere();
  const words = [body.error ?? `The server answered ${response.status}`, body.hint].filter(Boolean);
  return new ApiError(words.map(fullSentence).join(" "), {
    status: response.status,
    field: body.field,
    body,
  });
}

/** The session ended: to the login page and back here; what waits in the outbox stays in this browser. */
function toLogin() {
  if (leaving) return;
  const here = window.location.href.slice(BASE.href.length);
  window.location.assign(new URL(`login?next=${encodeURIComponent(here)}`, BASE));
}

/** End the session of a page that goes: what is still under way and hears of the end leads nowhere else. */
export async function endSession() {
  leaving = true;
  await post("api/logout", {}).catch(() => {});
}

/** Somebody else is at work in this browser: build the page anew for them, once for all calls that hear of it. */
function toWhoIsHere() {
  if (!leaving) window.location.reload();
  leaving = true;
}

/** Another project is served here by now: say so, and let what was decided wait for its own. */
function notHere() {
  elsewhere = true;
  const words = `Another project is open at this address now: what you decided for ${project.name} is kept in this browser and is sent when that project is open again.`;
  project.told(words);
  return new ApiError(words, { status: 409, field: "X-Project" });
}

/** Whether another project was open at this address when last asked. */
export const isElsewhere = () => elsewhere;

async function json(method, path, body) {
  const options =
    body === undefined
      ? { method }
      : { method, body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  const response = await request(path, options);
  if (!response.ok) throw await failure(response);
  if (path === PRESENT && elsewhere) {
    elsewhere = false;
    project.told(null);
  }
  return response.json();
}

export const get = (path) => json("GET", path);
export const post = (path, body) => json("POST", path, body);
export const put = (path, body) => json("PUT", path, body);
export const patch = (path, body) => json("PATCH", path, body);

/** Send raw bytes, such as a part of a file. */
export async function putBytes(path, bytes) {
  const response = await request(path, { method: "PUT", body: bytes });
  if (!response.ok) throw await failure(response);
  return response.json();
}

/** The file of an image. */
export async function fetchPicture(item) {
  const response = await request(item.url);
  if (!response.ok) throw await failure(response);
  return response.blob();
}

/**
 * Store events; resolves to one result an event. `hear` gets each answer as a whole. A call the server cannot take is
 * sent event by event, so that one bad event never holds up the others.
 */
export async function sendEvents(client, events, hear = () => {}) {
  try {
    const answer = await post("api/labels", { client, events });
    hear(answer);
    return answer.results;
  } catch (error) {
    if (error.body?.results) return error.body.results;
    if (!REFUSED.includes(error.status)) throw error;
    if (events.length === 1) return [{ uuid: events[0].uuid, status: "refused", message: error.message, items: [] }];
    const results = [];
    for (const event of events) results.push(...(await sendEvents(client, [event], hear)));
    return results;
  }
}

/** Give leases back: those named, or with null all that this tab holds. */
export function release(client, leases) {
  return post("api/release", leases === null ? { client } : { client, leases });
}

/** The same as the page goes away. */
export function releaseOnLeaving(client, leases) {
  const body = leases === null ? { client } : { client, leases };
  if (project !== null) body.project = project.id; // a beacon has no headers of ours
  navigator.sendBeacon(new URL("api/release", BASE), JSON.stringify(body));
}
