// The least of a browser that the SDKs for browsers ask for: a page's origin on its sockets,
// a microphone whose sound is the job's audio, and a recorder that hands it out in slices.
import { readFileSync } from "node:fs";
import WebSocket from "ws";
import { job } from "./lib.mjs";

class PageSocket extends WebSocket {
  constructor(url, protocols) {
    super(url, protocols, { origin: "https://app.example.com" });
  }
}

// Slice is a Blob whose bytes are at hand in the next microtask, so that a driver knows when
// the SDK has had the last of them.
class Slice extends Blob {
  constructor(bytes) {
    super([bytes]);
    this.bytes = bytes;
  }
  async arrayBuffer() {
    return this.bytes.buffer.slice(this.bytes.byteOffset, this.bytes.byteOffset + this.bytes.length);
  }
}

// Microphone is a MediaStream: recorders that follow each other go on where the last one was.
class Microphone {
  audio = readFileSync(job.audio);
  at = 0;
  track = Object.assign(new EventTarget(), { kind: "audio", stop() {} });
  getTracks = () => [this.track];
  getAudioTracks = () => [this.track];
  clone = () => this;
}

// silence is resolved when the microphone has nothing more to say.
let quiet;
export const silence = new Promise((resolve) => (quiet = resolve));

class MediaRecorder extends EventTarget {
  state = "inactive";
  constructor(stream) {
    super();
    this.stream = stream;
  }
  start() {
    this.state = "recording";
    this.timer = setInterval(() => this.slice(), job.every);
  }
  slice() {
    const mic = this.stream;
    if (mic.at >= mic.audio.length) {
      clearInterval(this.timer);
      quiet();
      return;
    }
    const data = new Slice(mic.audio.subarray(mic.at, (mic.at += job.chunk)));
    this.dispatchEvent(Object.assign(new Event("dataavailable"), { data }));
  }
  pause() {
    clearInterval(this.timer);
    this.state = "paused";
  }
  stop() {
    clearInterval(this.timer);
    this.state = "inactive";
    this.dispatchEvent(new Event("stop"));
  }
}

globalThis.window = globalThis;
globalThis.WebSocket = PageSocket;
globalThis.MediaRecorder = MediaRecorder;
Object.defineProperty(globalThis, "navigator", {
  value: { userAgent: "page", mediaDevices: { getUserMedia: async () => new Microphone() } }, configurable: true,
});
