package conformance

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// material are the files that SDKs send.
type material struct {
	raw, wav []byte // a whole session, without a header and with one
	talk     []byte // a longer one, without a header, which begins with the same words
	rawFile  string
	wavFile  string
	talkFile string
	longFile string // minutes, with a header: more than all sockets on its way hold
}

// longMS is how long the long file lasts: 32 MB.
const longMS = 1_000_000

// newMaterial makes noise: two pieces of it are never alike, so that a hash of a part
// says which.
func newMaterial(t *testing.T) material {
	t.Helper()
	noise := func(ms int) []byte {
		b := make([]byte, ms*bytesPerMS)
		_, _ = rand.NewChaCha8([32]byte{}).Read(b) // never fails
		return b
	}
	raw := noise(sessionMS)
	m := material{raw: raw, wav: append(header(len(raw)), raw...), talk: noise(talkMS)}
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	long := noise(longMS)
	m.rawFile, m.wavFile, m.talkFile = write("session.raw", raw), write("talk.wav", m.wav), write("talk.raw", m.talk)
	m.longFile = write("long.wav", append(header(len(long)), long...))
	return m
}

// header is a WAV's, of 16-bit samples.
func header(n int) []byte {
	b := []byte("RIFF....WAVEfmt ")
	b = binary.LittleEndian.AppendUint32(b, 16)
	b = binary.LittleEndian.AppendUint16(b, 1)
	b = binary.LittleEndian.AppendUint16(b, 1)
	b = binary.LittleEndian.AppendUint32(b, rate)
	b = binary.LittleEndian.AppendUint32(b, rate*2)
	b = binary.LittleEndian.AppendUint16(b, 2)
	b = binary.LittleEndian.AppendUint16(b, 16)
	b = binary.LittleEndian.AppendUint32(append(b, "data"...), uint32(n))
	binary.LittleEndian.PutUint32(b[4:], uint32(n+36))
	return b
}
