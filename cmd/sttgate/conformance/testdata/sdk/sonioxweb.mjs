// @soniox/speech-to-text-web.
import { silence } from "./browser.mjs";
import { SonioxClient } from "@soniox/speech-to-text-web/dist/speech-to-text-web.js"; // what bundlers take
import { SonioxNodeClient } from "@soniox/node";
import { job, tell, ws } from "./lib.mjs";

let client, started;
const running = new Promise((resolve) => (started = resolve));
const over = new Promise((resolve) => {
  client = new SonioxClient({
    webSocketUri: `${ws}/transcribe-websocket`,
    apiKey: job.token ? key : job.key,
    onStarted: () => {
      tell("started");
      started();
    },
    onPartialResult: () => tell("result"),
    onFinished: () => {
      tell("finished");
      resolve();
    },
    onError: (status, message, code) => {
      tell("error", { name: status, code, message });
      resolve();
    },
  });
});
await client.start({ model: "stt-rt-v5", audioFormat: "pcm_s16le", sampleRate: job.rate, numChannels: 1 });
await Promise.race([Promise.all([silence, running]), over]);
client.stop();
await over;
tell(client.state);

// A page asks its own backend for a key, and that one the vendor, or who stands before it.
async function key() {
  const backend = new SonioxNodeClient({ api_key: job.key, base_url: `${job.url}/u/${job.user}` });
  const made = await backend.auth.createTemporaryKey({ usage_type: "transcribe_websocket", expires_in_seconds: 300 });
  tell("token");
  return made.api_key;
}
