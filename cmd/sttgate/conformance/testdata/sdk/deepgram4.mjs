// @deepgram/sdk 4: live, pre-recorded, and a temporary token from the gateway.
import { readFileSync } from "node:fs";
import { createClient, LiveTranscriptionEvents } from "deepgram-sdk-4";
import { fault, frames, job, tell } from "./lib.mjs";

const at = { url: job.url, headers: job.user ? { "X-Sttgate-User": job.user } : {} };
let client = createClient(job.key, { global: at });

if (job.token) {
  const { result, error } = await client.auth.grantToken();
  if (error) throw error;
  tell("token", { seconds: result.expires_in });
  client = createClient({ accessToken: result.access_token, global: { url: job.url } });
}

const actions = { live, upload };
await actions[job.mode]().catch((e) => fault("failed", e));

async function live() {
  const socket = client.listen.live({ model: "nova-3", encoding: "linear16", sample_rate: job.rate, interim_results: true });
  let closed;
  const over = new Promise((resolve) => (closed = resolve));
  socket.on(LiveTranscriptionEvents.Open, () => {
    tell("open");
    send(socket);
  });
  socket.on(LiveTranscriptionEvents.Transcript, (m) => tell(m.type));
  socket.on(LiveTranscriptionEvents.Metadata, (m) => tell(m.type));
  socket.on(LiveTranscriptionEvents.Unhandled, (m) => tell(m.type, { code: m.err_code, message: m.description ?? m.err_msg }));
  socket.on(LiveTranscriptionEvents.Error, (e) => fault("error", e));
  socket.on(LiveTranscriptionEvents.Close, (e) => {
    tell("close", { code: e.code, reason: e.reason });
    closed();
  });
  await over;
}

async function send(socket) {
  for await (const frame of frames()) socket.send(frame);
  socket.requestClose();
}

async function upload() {
  const { result, error } = await client.listen.prerecorded.transcribeFile(readFileSync(job.audio), { model: "nova-3" });
  if (error) throw error;
  tell("transcript", { text: result.results.channels[0].alternatives[0].transcript });
}
