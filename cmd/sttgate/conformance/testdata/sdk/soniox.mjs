// @soniox/node: streams, files with their transcriptions, and temporary keys.
import { readFileSync } from "node:fs";
import WebSocket from "ws";
import { SonioxNodeClient } from "@soniox/node";
import { fault, frames, job, tell, ws } from "./lib.mjs";

globalThis.WebSocket ??= WebSocket; // Node has it from 22 on

const path = job.user ? `/u/${job.user}` : "";
let client = make(job.key, path);

if (job.token) {
  const made = await client.auth.createTemporaryKey({ usage_type: "transcribe_websocket", expires_in_seconds: 300 });
  tell("token");
  client = make(made.api_key, "");
}

const actions = { live, upload };
await actions[job.mode]().catch((e) => fault("failed", e));

function make(key, path) {
  return new SonioxNodeClient({ api_key: key, base_url: job.url + path, realtime: { ws_base_url: `${ws}${path}/transcribe-websocket` } });
}

async function live() {
  const session = client.realtime.stt({ model: "stt-rt-v5", audio_format: "pcm_s16le", sample_rate: job.rate, num_channels: 1 });
  session.on("connected", () => tell("connected"));
  session.on("result", () => tell("result"));
  session.on("finished", () => tell("finished"));
  session.on("error", (e) => fault("error", e));
  session.on("disconnected", (reason) => tell("disconnected", { reason }));
  await session.connect();
  for await (const frame of frames()) session.sendAudio(frame);
  await session.finish();
}

async function upload() {
  const job_ = await client.stt.transcribe({
    model: "stt-async-v5", file: readFileSync(job.audio), filename: "talk.wav", wait: true, wait_options: { interval_ms: 1000 },
  });
  tell(job_.status, { message: job_.error_message ?? undefined });
  if (job_.transcript) tell("transcript", { text: job_.transcript.text });
}
