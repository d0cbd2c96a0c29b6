package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/sttgate/sttgate/meter"
)

// wavSpec builds WAV files for tests.
type wavSpec struct {
	tag, channels, bits uint16
	rate                uint32
	sub                 uint16 // of an extensible format
	before              []byte // a chunk before the format
	size                uint32 // of the data chunk as written
	data                []byte
}

func (w wavSpec) bytes() []byte {
	var b bytes.Buffer
	le := binary.LittleEndian
	b.WriteString("RIFF\x00\x00\x00\x00WAVE")
	b.Write(w.before)
	var f []byte
	f = le.AppendUint16(f, w.tag)
	f = le.AppendUint16(f, w.channels)
	f = le.AppendUint32(f, w.rate)
	f = le.AppendUint32(f, w.rate*uint32(w.channels)*uint32(w.bits)/8)
	f = le.AppendUint16(f, w.channels*w.bits/8)
	f = le.AppendUint16(f, w.bits)
	if w.tag == waveExtensible {
		f = le.AppendUint16(f, 22)
		f = append(f, make([]byte, 6)...)
		f = le.AppendUint16(f, w.sub)
		f = append(f, make([]byte, 14)...)
	}
	b.WriteString("fmt ")
	b.Write(le.AppendUint32(nil, uint32(len(f))))
	b.Write(f)
	b.WriteString("data")
	b.Write(le.AppendUint32(nil, w.size))
	b.Write(w.data)
	return b.Bytes()
}

func TestWAVSamplesAreFoundBehindAnyHeader(t *testing.T) {
	t.Parallel()
	samples := []byte("12345678")
	odd := []byte("LIST\x03\x00\x00\x00abc\x00") // padded to an even length
	tests := map[string]struct {
		wav  wavSpec
		want meter.Format
		size int64
		data string
	}{
		"16-bit PCM":         {wavSpec{tag: 1, channels: 2, bits: 16, rate: 44100, size: 8, data: samples}, meter.Format{Encoding: meter.Linear16, SampleRate: 44100, Channels: 2}, 8, "12345678"},
		"mu-law":             {wavSpec{tag: 7, channels: 1, bits: 8, rate: 8000, size: 8, data: samples}, meter.Format{Encoding: meter.Mulaw, SampleRate: 8000, Channels: 1}, 8, "12345678"},
		"A-law":              {wavSpec{tag: 6, channels: 1, bits: 8, rate: 8000, size: 8, data: samples}, meter.Format{Encoding: meter.Alaw, SampleRate: 8000, Channels: 1}, 8, "12345678"},
		"extensible PCM":     {wavSpec{tag: waveExtensible, sub: 1, channels: 1, bits: 16, rate: 16000, size: 8, data: samples}, meter.Format{Encoding: meter.Linear16, SampleRate: 16000, Channels: 1}, 8, "12345678"},
		"an odd chunk first": {wavSpec{tag: 1, channels: 1, bits: 16, rate: 16000, size: 8, data: samples, before: odd}, meter.Format{Encoding: meter.Linear16, SampleRate: 16000, Channels: 1}, 8, "12345678"},
		"streamed, no size":  {wavSpec{tag: 1, channels: 1, bits: 16, rate: 16000, size: 0xffffffff, data: samples}, meter.Format{Encoding: meter.Linear16, SampleRate: 16000, Channels: 1}, -1, "12345678"},
		"a chunk behind":     {wavSpec{tag: 1, channels: 1, bits: 16, rate: 16000, size: 4, data: samples}, meter.Format{Encoding: meter.Linear16, SampleRate: 16000, Channels: 1}, 4, "1234"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw := tt.wav.bytes()
			a, err := readAudio(bytes.NewReader(raw), int64(len(raw)), meter.Format{}, false)
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(a.data)
			if err != nil {
				t.Fatal(err)
			}
			if a.format != tt.want || a.size != tt.size || string(data) != tt.data {
				t.Fatalf("got %+v, %d bytes, %q; want %+v, %d, %q", a.format, a.size, data, tt.want, tt.size, tt.data)
			}
		})
	}
}

func TestAudioThatCannotBeStreamedIsRefusedWithItsName(t *testing.T) {
	t.Parallel()
	pcm := meter.Format{Encoding: meter.Linear16, SampleRate: 16000, Channels: 1}
	tests := map[string]struct {
		raw      []byte
		format   meter.Format
		says     string
		sentinel error
	}{
		"float WAV":          {wavSpec{tag: 3, channels: 1, bits: 32, rate: 16000}.bytes(), pcm, "0x0003 with 32 bits", errAudio},
		"24-bit WAV":         {wavSpec{tag: 1, channels: 1, bits: 24, rate: 16000}.bytes(), pcm, "24 bits", errAudio},
		"no channels":        {wavSpec{tag: 1, channels: 0, bits: 16, rate: 16000}.bytes(), pcm, "0 channels", errAudio},
		"ends in its header": {[]byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00"), pcm, "ends before its samples", errAudio},
		"cut in a chunk":     {[]byte("RIFF\x00\x00\x00\x00WAVELIST\xff\xff\x00\x00ab"), pcm, `chunk "LIST"`, errAudio},
		"samples first":      {[]byte("RIFF\x00\x00\x00\x00WAVEdata\x04\x00\x00\x00abcd"), pcm, "before its format", errAudio},
		"huge format":        {[]byte("RIFF\x00\x00\x00\x00WAVEfmt \xff\xff\xff\xff"), pcm, "4294967295 bytes", errAudio},
		"Ogg":                {[]byte("OggS\x00\x02abcdefghijk"), pcm, "it is Ogg", errAudio},
		"MP4":                {[]byte("\x00\x00\x00\x20ftypisom"), pcm, "it is MP4", errAudio},
		"not declared":       {[]byte("123456789012345"), pcm, "no WAV file", errAudio},
		"raw, unknown":       {[]byte("123456789012345"), meter.Format{Encoding: "opus", SampleRate: 16000, Channels: 1}, "opus", meter.ErrUnsupported},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := readAudio(bytes.NewReader(tt.raw), int64(len(tt.raw)), tt.format, name == "raw, unknown")
			if !errors.Is(err, tt.sentinel) || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("got %v; want one that says %q", err, tt.says)
			}
		})
	}
}

func TestHeaderlessAudioIsTakenAtItsWord(t *testing.T) {
	t.Parallel()
	f := meter.Format{Encoding: meter.Mulaw, SampleRate: 8000, Channels: 1}
	a, err := readAudio(strings.NewReader("OggS"), 4, f, true)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(a.data)
	if err != nil || string(data) != "OggS" || a.size != 4 {
		t.Fatalf("got %q (%d bytes), %v", data, a.size, err)
	}
}

func TestTheNameOfAFileSaysThatItIsHeaderless(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"a.raw": true, "b.PCM": true, "c.ulaw": true, "d.mp3": false, "raw": false} {
		if got := headerless(name); got != want {
			t.Errorf("headerless(%q) is %v", name, got)
		}
	}
}

func TestFramesAre20msOfWholeSamples(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		format meter.Format
		want   int
	}{
		{meter.Format{Encoding: meter.Linear16, SampleRate: 16000, Channels: 1}, 640},
		{meter.Format{Encoding: meter.Linear16, SampleRate: 44100, Channels: 2}, 3528},
		{meter.Format{Encoding: meter.Mulaw, SampleRate: 8000, Channels: 1}, 160},
		{meter.Format{Encoding: meter.Linear16, SampleRate: 11025, Channels: 1}, 440},
	} {
		if got := (audio{format: tt.format}).frame(); got != tt.want {
			t.Errorf("%+v: a frame has %d bytes, want %d", tt.format, got, tt.want)
		}
	}
}

func FuzzAudioHeaders(f *testing.F) {
	f.Add(wavSpec{tag: 1, channels: 1, bits: 16, rate: 16000, size: 2, data: []byte("ab")}.bytes())
	f.Add(wavSpec{tag: waveExtensible, sub: 7, channels: 1, bits: 8, rate: 8000, size: 0, data: []byte("ab")}.bytes())
	f.Add([]byte("RIFF\x00\x00\x00\x00WAVEdata"))
	f.Add([]byte("just samples"))
	pcm := meter.Format{Encoding: meter.Linear16, SampleRate: 16000, Channels: 1}
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := readAudio(bytes.NewReader(raw), int64(len(raw)), pcm, true)
		if err != nil {
			return
		}
		if err := a.format.Validate(); err != nil {
			t.Fatalf("accepted a format that cannot be metered: %v", err)
		}
		n, err := io.Copy(io.Discard, a.data)
		if err != nil || n > int64(len(raw)) {
			t.Fatalf("read %d of %d bytes: %v", n, len(raw), err)
		}
		if a.frame()%a.format.Align() != 0 || a.frame() <= 0 {
			t.Fatalf("a frame of %d bytes cuts a sample of %d", a.frame(), a.format.Align())
		}
	})
}
