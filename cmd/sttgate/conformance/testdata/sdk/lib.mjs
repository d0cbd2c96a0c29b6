// What every driver has: its job, which comes on standard input, and a way to tell what the
// SDK's user sees, one line of JSON each. A driver is the shortest program that its SDK's
// documentation would have somebody write. Nothing is judged here: the expectations are in Go.
//
// A driver that is through does not exit: the process ends when the SDK has nothing left to
// do. One that hangs, or connects again and again, is seen by not ending.
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export const job = JSON.parse(readFileSync(0, "utf8"));

// ws is the gateway's address for WebSockets.
export const ws = job.url.replace(/^http/, "ws");

// tell writes what the user sees.
export function tell(saw, about = {}) {
  process.stdout.write(JSON.stringify({ saw, ...about }) + "\n");
}

// fault tells an error as its class and the members that users look at. What came with it,
// an answer's body or its headers, is told as raw: nobody compares it, but it is searched.
export function fault(saw, e) {
  const about = { name: e?.name ?? e?.constructor?.name ?? typeof e };
  if (about.name === "Error" && e.constructor?.name) about.name = e.constructor.name;
  if (["String", "Object"].includes(about.name)) about.name = undefined;
  for (const member of ["message", "code", "status", "statusCode", "type", "reason"]) {
    const v = e?.[member];
    if (typeof v === "string" || typeof v === "number") about[member] = v;
  }
  if (typeof e === "string") about.message = e;
  if (typeof e?.response?.detail === "string") about.text = e.response.detail; // of a Speechmatics error
  if (typeof e?.bodyText === "string") about.text = JSON.parse(e.bodyText).message; // of a Soniox error
  if (e?.constructor?.name === "ErrorEvent") about.name = "ErrorEvent";
  const raw = [e?.body, e?.bodyText, e?.response, e?.responseHeaders, e?.raw, e?.cause?.body, e?.rawResponse?.headers].filter((v) => v != null);
  if (raw.length > 0) about.raw = raw.map((v) => (typeof v === "string" ? v : JSON.stringify(v)));
  tell(saw, about);
}

// frames are the audio's, one each job.every ms.
export async function* frames() {
  const audio = readFileSync(job.audio);
  for (let at = 0; at < audio.length; at += job.chunk) {
    yield audio.subarray(at, at + job.chunk);
    await sleep(job.every);
  }
}

// An error that nobody catches ends the user's program.
for (const event of ["uncaughtException", "unhandledRejection"]) {
  process.on(event, (e) => {
    fault("crash", e);
    process.exit(3);
  });
}
