// @soniox/client: a recording from the microphone that reconnects by itself.
import { silence } from "./browser.mjs";
import { SonioxClient } from "@soniox/client";
import { SonioxNodeClient } from "@soniox/node";
import { fault, job, tell, ws } from "./lib.mjs";

const client = new SonioxClient({ config: async () => ({ api_key: await key(), stt_ws_url: address() }) });
const recording = client.realtime.record({
  model: "stt-rt-v5", audio_format: "pcm_s16le", sample_rate: job.rate, num_channels: 1, auto_reconnect: true,
});
const busy = new Set(["starting", "connecting", "reconnecting"]);
let changed;
const over = new Promise((resolve) => {
  recording.on("connected", () => tell("connected"));
  recording.on("result", () => tell("result"));
  recording.on("reconnecting", (r) => tell("reconnecting", { attempt: r.attempt }));
  recording.on("finished", () => tell("finished"));
  recording.on("error", (e) => fault("error", e));
  recording.on("state_change", (s) => {
    changed?.();
    if (["stopped", "error", "canceled"].includes(s.new_state)) resolve();
  });
});
await Promise.race([silence, over]);
while (busy.has(recording.state)) await new Promise((resolve) => (changed = resolve)); // it comes back by itself
await recording.stop().catch((e) => fault("failed", e));
tell(recording.state);

// A page asks its own backend for a key, and that one the vendor, or who stands before it.
async function key() {
  if (!job.token) return job.key;
  const backend = new SonioxNodeClient({ api_key: job.key, base_url: `${job.url}/u/${job.user}` });
  const made = await backend.auth.createTemporaryKey({ usage_type: "transcribe_websocket", expires_in_seconds: 300 });
  tell("token");
  return made.api_key;
}

function address() {
  return `${ws}/transcribe-websocket`;
}
