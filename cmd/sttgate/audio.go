package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/sttgate/sttgate/meter"
)

// errAudio says that a file is not one that send can stream.
var errAudio = errors.New("cannot stream this audio")

// audio is headerless sound and what it is made of.
type audio struct {
	format meter.Format
	data   io.Reader
	size   int64 // bytes of data; -1 when the header does not tell
}

// millis is how long n bytes of it last, rounded down.
func (a audio) millis(n int64) int64 {
	rate := a.format.BytesPerSecond()
	return n/rate*1000 + n%rate*1000/rate
}

// frame is how many bytes make one message: 20 ms, at whole samples.
func (a audio) frame() int {
	align := a.format.Align()
	samples := a.format.SampleRate / 50
	return max(samples, 1) * align
}

// openAudio opens a WAV file, or a headerless one that is what raw says.
// declared tells that the user chose raw: the file is taken at its word.
func openAudio(path string, raw meter.Format, declared bool) (audio, io.Closer, error) {
	f, err := os.Open(path)
	if err != nil {
		return audio{}, nil, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%w: %s is a directory", errAudio, path)
	}
	var a audio
	if err == nil {
		a, err = readAudio(f, info.Size(), raw, declared || headerless(path))
	}
	if err != nil {
		return audio{}, nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	return a, f, nil
}

// headerless reports whether a file's name promises samples without a wrapping.
func headerless(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".raw", ".pcm", ".s16", ".s16le", ".ul", ".ulaw", ".mulaw", ".al", ".alaw":
		return true
	}
	return false
}

// readAudio looks at the first bytes of r, which holds size bytes.
func readAudio(r io.ReadSeeker, size int64, raw meter.Format, declared bool) (audio, error) {
	head := make([]byte, 12)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return audio{}, err
	}
	head = head[:n]
	if len(head) == 12 && string(head[:4]) == "RIFF" && string(head[8:]) == "WAVE" {
		return readWAV(r)
	}
	if !declared {
		return audio{}, fmt.Errorf("%w: it is %s; only WAV and headerless audio can be sent (try: ffmpeg -i FILE -ar 16000 -ac 1 out.wav; a headerless file needs --encoding or the ending .raw)", errAudio, container(head))
	}
	if err := raw.Validate(); err != nil {
		return audio{}, err
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return audio{}, err
	}
	return audio{format: raw, data: r, size: size}, nil
}

// container names the usual wrappings of audio by their first bytes. Sent as
// samples they would be noise that costs money.
func container(head []byte) string {
	for magic, name := range map[string]string{
		"OggS": "Ogg", "fLaC": "FLAC", "ID3": "MP3", "\x1a\x45\xdf\xa3": "WebM or Matroska",
		"#!AMR": "AMR", "FORM": "AIFF", "caff": "CAF",
	} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return name
		}
	}
	if len(head) >= 8 && string(head[4:8]) == "ftyp" {
		return "MP4"
	}
	return "no WAV file"
}

// The WAVE format tags that have a headerless twin (RFC 2361).
const (
	wavePCM        = 0x0001
	waveAlaw       = 0x0006
	waveMulaw      = 0x0007
	waveExtensible = 0xfffe
)

// readWAV reads chunks up to the samples; r stands behind "WAVE".
func readWAV(r io.Reader) (audio, error) {
	var f meter.Format
	for {
		var h [8]byte
		if _, err := io.ReadFull(r, h[:]); err != nil {
			return audio{}, fmt.Errorf("%w: the WAV file ends before its samples: %w", errAudio, err)
		}
		id, size := string(h[:4]), int64(binary.LittleEndian.Uint32(h[4:]))
		switch id {
		case "fmt ":
			var err error
			if f, err = readFmt(r, size); err != nil {
				return audio{}, err
			}
		case "data":
			if f.Encoding == "" {
				return audio{}, fmt.Errorf("%w: the WAV file has samples before its format", errAudio)
			}
			// Recorders that stream write 0 or the largest number for "until the end".
			if size == 0 || size == 0xffffffff {
				return audio{format: f, data: r, size: -1}, nil
			}
			return audio{format: f, data: io.LimitReader(r, size), size: size}, nil
		default:
			// Chunks are padded to an even length.
			if _, err := io.CopyN(io.Discard, r, size+size&1); err != nil {
				return audio{}, fmt.Errorf("%w: the WAV file is cut in chunk %q: %w", errAudio, id, err)
			}
		}
	}
}

// readFmt reads the format chunk.
func readFmt(r io.Reader, size int64) (meter.Format, error) {
	const least, most = 16, 1 << 10
	if size < least || size > most {
		return meter.Format{}, fmt.Errorf("%w: the WAV format chunk has %d bytes", errAudio, size)
	}
	b := make([]byte, size+size&1)
	if _, err := io.ReadFull(r, b); err != nil {
		return meter.Format{}, fmt.Errorf("%w: the WAV format is cut: %w", errAudio, err)
	}
	tag, bits := binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint16(b[14:])
	if tag == waveExtensible && size >= 26 {
		tag = binary.LittleEndian.Uint16(b[24:]) // the first bytes of the sub-format's GUID are the old tag
	}
	f := meter.Format{
		Channels:   int(binary.LittleEndian.Uint16(b[2:])),
		SampleRate: int(binary.LittleEndian.Uint32(b[4:])),
	}
	switch {
	case tag == wavePCM && bits == 16:
		f.Encoding = meter.Linear16
	case tag == waveMulaw && bits == 8:
		f.Encoding = meter.Mulaw
	case tag == waveAlaw && bits == 8:
		f.Encoding = meter.Alaw
	default:
		return meter.Format{}, fmt.Errorf("%w: WAV format 0x%04x with %d bits; 16-bit PCM, mu-law and A-law can be sent", errAudio, tag, bits)
	}
	if err := f.Validate(); err != nil {
		return meter.Format{}, fmt.Errorf("%w: %w", errAudio, err)
	}
	return f, nil
}
