// @speechmatics/real-time-client and @speechmatics/batch-client, and temporary keys by
// @speechmatics/auth.
import { readFileSync } from "node:fs";
import { createSpeechmaticsJWT } from "@speechmatics/auth";
import { BatchClient } from "@speechmatics/batch-client";
import { RealtimeClient } from "@speechmatics/real-time-client";
import { fault, frames, job, tell, ws } from "./lib.mjs";

const path = job.user && !job.token ? `/u/${job.user}` : "";
const actions = { live, upload };
await key().then((k) => actions[job.mode](k)).catch((e) => fault("failed", Array.isArray(e) ? e[0] : e)); // a rejected job is thrown as its list of errors

async function key() {
  if (!job.token) return job.key;
  const type = job.mode === "live" ? "rt" : "batch";
  const made = await createSpeechmaticsJWT({ type, apiKey: job.key, clientRef: "page", managementPlatformURL: `${job.url}/u/${job.user}/v1` });
  tell("token");
  return made;
}

async function live(key) {
  // Its waits are timers that it never clears: shorter ones let the process end sooner.
  const client = new RealtimeClient({ url: `${ws}${path}/v2`, connectionTimeout: 5000 });
  client.addEventListener("receiveMessage", ({ data }) => {
    const word = { Error: true, Warning: true }[data.message];
    tell(data.message, word ? { type: data.type, code: data.code, reason: data.reason } : {});
  });
  // Told at the end: whether it comes before or behind a failed call is chance.
  process.on("exit", () => client.socketState === "closed" && tell("closed"));
  await client.start(key, {
    audio_format: { type: "raw", encoding: "pcm_s16le", sample_rate: job.rate },
    transcription_config: { language: "en" },
  });
  for await (const frame of frames()) client.sendAudio(frame);
  await client.stopRecognition();
}

async function upload(key) {
  const client = new BatchClient({ apiKey: key, apiUrl: job.url, appId: "conformance" });
  const text = await client.transcribe(new File([readFileSync(job.audio)], "talk.wav"), { transcription_config: { language: "en" } }, "text");
  tell("transcript", { text: text.trim() });
}
