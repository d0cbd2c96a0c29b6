// The legacy npm package speechmatics: streams and batch jobs.
import { readFileSync } from "node:fs";
import speechmatics from "speechmatics";
import { fault, frames, job, tell, ws } from "./lib.mjs";

const { BatchTranscription, RealtimeSession } = speechmatics;
const path = job.user ? `/u/${job.user}` : "";
const config = { apiKey: job.key, realtimeUrl: `${ws}${path}/v2`, batchUrl: job.url };
const actions = { live, upload };
await actions[job.mode]().catch((e) => fault("failed", Array.isArray(e) ? e[0] : e)); // a rejected job is thrown as its list of errors

async function live() {
  const session = new RealtimeSession(config);
  let failed = false;
  for (const event of ["RecognitionStarted", "AddTranscript", "EndOfTranscript"]) session.addListener(event, () => tell(event));
  session.addListener("Error", (e) => {
    failed = true;
    tell("Error", { type: e?.type, code: e?.code, reason: e?.reason ?? e?.message });
  });
  await session.start({
    audio_format: { type: "raw", encoding: "pcm_s16le", sample_rate: job.rate },
    transcription_config: { language: "en" },
  });
  for await (const frame of frames()) {
    if (failed) return;
    session.sendAudio(frame);
  }
  await session.stop();
  tell("stopped");
}

async function upload() {
  const text = await new BatchTranscription(config).transcribe(
    new File([readFileSync(job.audio)], "talk.wav"), { transcription_config: { language: "en" } }, "text");
  tell("transcript", { text: text.trim() });
}
