// @deepgram/sdk 5: live, Flux, pre-recorded, and a temporary token from the gateway.
import { readFileSync } from "node:fs";
import { DeepgramClient } from "@deepgram/sdk";
import { fault, frames, job, tell } from "./lib.mjs";

const headers = job.user ? { "X-Sttgate-User": job.user } : {};
let client = new DeepgramClient({ apiKey: job.key, baseUrl: job.url, headers });

if (job.token) {
  const granted = await client.auth.v1.tokens.grant();
  tell("token", { seconds: granted.expires_in });
  client = new DeepgramClient({ accessToken: granted.access_token, baseUrl: job.url });
}

const actions = {
  live: () => live(client.listen.v1, { model: "nova-3", encoding: "linear16", sample_rate: job.rate, interim_results: "true" }),
  flux: () => live(client.listen.v2, { model: "flux-general-en", encoding: "linear16", sample_rate: job.rate }),
  upload,
};
await actions[job.mode]().catch((e) => fault("failed", e));

async function live(listen, question) {
  const socket = await listen.connect(question);
  let given = false; // up, by the SDK
  let turn; // of events
  socket.on("open", () => {
    tell("open");
    turn?.();
  });
  socket.on("message", (m) => tell(m.type, m.type === "Error" ? { code: m.err_code ?? m.code, message: m.description ?? m.err_msg } : {}));
  socket.on("error", (e) => {
    fault("error", e);
    given = true;
    turn?.();
  });
  socket.on("close", (e) => tell("close", { code: e.code, reason: e.reason }));
  socket.connect();
  await socket.waitForOpen();
  // The SDK connects again by itself; a program waits for that, or for its giving up.
  const opened = async () => {
    while (!given && socket.readyState !== 1) await new Promise((resolve) => (turn = resolve));
    return !given;
  };
  for await (const frame of frames()) {
    if (!(await opened())) return;
    socket.sendMedia(frame);
  }
  if (await opened()) socket.sendCloseStream({ type: "CloseStream" });
}

async function upload() {
  const answer = await client.listen.v1.media.transcribeFile(readFileSync(job.audio), { model: "nova-3" });
  tell("transcript", { text: answer.results.channels[0].alternatives[0].transcript });
}
