package main

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"

	"github.com/sttgate/sttgate/meter"
)

// speech is what the demo says; audio/README.md tells where it is from.
//
//go:embed audio/jfk-8k-mulaw.raw
var speech string

// demoAudio is the recording from its beginning.
func demoAudio() audio {
	return audio{
		format: meter.Format{Encoding: meter.Mulaw, SampleRate: 8000, Channels: 1},
		data:   bytes.NewReader([]byte(speech)), size: int64(len(speech)),
	}
}

// speechSum is the SHA-256 of the recording's first n bytes, in hex.
func speechSum(n int64) string {
	sum := sha256.Sum256([]byte(speech[:min(n, int64(len(speech)))]))
	return hex.EncodeToString(sum[:])
}
