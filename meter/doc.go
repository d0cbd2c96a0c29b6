// Package meter turns the audio bytes of a stream into exact time, as they pass.
//
//	client's frames                        what must be bought      what was bought
//	      │                                        │                       │
//	      ▼                                        ▼                       ▼
//	  n bytes ──► Counter.MillisAfter(n) ──► ledger.Account.Spend ──► Counter.Advance(n)
//	                 (rounded up)              (all or nothing)        (exact, no drift)
//
// A Format says what a stream declared about its headerless audio: an encoding,
// a rate, a number of channels. New refuses what it cannot count, because audio
// that nobody counts is free. A Counter needs only lengths, so that a relay can
// pass a payload on without unmasking, copying or reading it.
//
// Time is kept as whole seconds and a remainder in bytes. After b bytes at r
// bytes per second a clock shows floor(b·10⁹/r) nanoseconds and MillisAfter(0)
// is ceil(b·1000/r), however the bytes were cut:
//
//	linear16, 16 kHz, mono: r = 32000
//	b = 33          1.03125 ms          MillisAfter(0) = 2
//	b = 32000·25h   90 000 000 ms       exactly, even byte by byte
//
// Audio that says itself what it is has a clock per format, and Auto finds the
// right one by the first bytes. Each goes through headers only, holds no more than one
// of them, and counts a frame, block or packet when it begins, so that it can be
// bought before it passes. Where two readings are possible the longer one counts, or the audio
// is malformed; what is no audio is passed over by its count, up to a cap.
// Packets that do not say where they end (Opus, Speex) need whole messages: see Packets.
//
//	framed     MP3, ADTS: headers that say how long a frame is; the way back when sync is lost
//	flac       headers, and a walk through the bits of each frame to its end
//	chunked    WAV, AIFF: bytes or blocks of samples
//	amr        a type in front of each frame
//
// It is not about what may be spent (package ledger), nor about speech in the
// audio, and it has no I/O. A clock belongs to the one goroutine that reads the
// audio; clocks share nothing, so any number of them run side by side. Counting
// allocates nothing.
package meter
