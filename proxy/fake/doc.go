// Package fake holds stand-ins for the vendors: real servers that speak the real
// protocols over real sockets, for tests, the demo and development without a key.
// They do not transcribe. What they return instead of words says how much audio
// was heard, so that nobody takes it for a transcript and every test can count.
//
//	GET /v1/listen, /v2/listen ─► credential ─► scenario ─► query ─► 101
//	                                 401          (below)     400     │
//	                                                                  ▼
//	  audio ──► Stream: count, SHA-256 ──► every second: Results | TurnInfo
//	  text  ──► Stream: KeepAlive, Finalize, Configure, ForceEndTurn, CloseStream
//	  nothing for IdleTimeout ──► close 1011 (NET-0001)
//	POST /v1/listen ─► Upload: count, SHA-256 ──► a transcript that says so
//
//	GET /transcribe-websocket ─► credential ─► 101 ─► first message ─► "" ends it
//	                             header, subprotocol    model, format; an error is a message, then a close
//	POST /v1/files, /v1/transcriptions, /v1/auth/temporary-api-key, and their reads
//
//	GET /v2, /v2/{lang} ─► credential ─► 101 ─► StartRecognition ─► EndOfStream
//	                       header, ?jwt=     AddAudio and AddChannelAudio are acked one by one
//	POST /v2/jobs ─► a form in any order ─► a job that gets on with each read, or ?wait=
//
//	GET /fake/totals ─► what was heard, as JSON: the truth for tests of a gateway
//	                    that runs in another process
//
// A scenario makes it misbehave. It is chosen by Options.Scenario or, without one,
// by the credential, because a parameter of ours would be foreign to the vendor's
// protocol: the key "fake-429" is refused with 429, "fake-reset" loses its
// connection after a second of audio. See scenario.go for the list.
//
// Concurrency: a fake serves any number of streams. One goroutine reads each
// stream (the handler's own) and a timer may end it; a Stream's state is under its
// mutex. Tests never sleep: Wait, Until and Done tell when something has happened.
package fake
