package meter

import (
	"fmt"
	"hash/fnv"
	"strings"
	"time"
)

// webmTracks bounds the tracks of a file.
const webmTracks = 32

// webmTrack is a declared track.
type webmTrack struct {
	number  int64
	codec   string
	counted bool // it is audio
	doc     int  // the document that declared it last
	private uint64
	audio   essence

	started bool
	start   int64 // timestamp of the first block
	span    time.Duration
	cut     int64 // units that were marked as no audio
}

// restart begins anew, after another head.
func (t *webmTrack) restart() {
	t.audio.sum, t.started, t.start, t.span, t.cut = 0, false, 0, 0, 0
}

// elapsed is the larger of the packets' time and of their timestamps'.
func (t *webmTrack) elapsed() time.Duration {
	delay := min(ticks(t.audio.delay, t.audio.rate), t.span/trimShare)
	return max(ticks(t.audio.heard(t.audio.sum), t.audio.rate), t.span-delay)
}

// track finds one of audio.
func (w *webm) track(number int64) *webmTrack {
	for i := range w.tracks {
		if t := &w.tracks[i]; t.number == number && t.counted {
			return t
		}
	}
	return nil
}

// webmEntry is the declaration of a track (RFC 9559, 5.1.4.1), as its members come.
type webmEntry struct {
	number, kind   int64
	codec          string
	rate           float64
	channels, bits int64
	encoded        bool // compressed or encrypted
}

func (e *webmEntry) read(id uint32, v []byte) {
	switch id {
	case mkvNumber:
		e.number = number(v)
	case mkvType:
		e.kind = number(v)
	case mkvCodec:
		e.codec = text(v)
	case mkvRate:
		e.rate = float(v)
	case mkvChannels:
		e.channels = number(v)
	case mkvBits:
		e.bits = number(v)
	}
}

// declare takes a whole declaration.
func (w *webm) declare() error {
	e := &w.entry
	sum := fnv.New64a()
	_, _ = fmt.Fprint(sum, e.rate, e.channels, e.bits)
	_, _ = sum.Write(w.private)
	t := webmTrack{number: e.number, codec: e.codec, counted: e.kind == 2, doc: w.doc, private: sum.Sum64()}
	for i := range w.tracks {
		if old := &w.tracks[i]; old.number == t.number {
			if old.doc == t.doc || old.codec != t.codec || old.counted != t.counted || old.private != t.private {
				return fmt.Errorf("%w: a Matroska file that declares track %d in two ways", ErrMalformed, t.number)
			}
			old.doc = t.doc
			return nil
		}
	}
	if w.doc > 1 {
		return fmt.Errorf("%w: a Matroska file that goes on with another track %d", ErrMalformed, t.number)
	}
	if len(w.tracks) == webmTracks {
		return fmt.Errorf("%w: a Matroska file of more than %d tracks", ErrUnsupported, webmTracks)
	}
	if t.counted {
		var err error
		if t.audio, err = e.essence(w.private); err != nil {
			return err
		}
		if w.info.Codec == "" {
			w.info = Info{Format: w.docType, Codec: t.audio.codec, SampleRate: t.audio.hertz(), Channels: t.audio.channels, Method: "packets and timestamps of blocks"}
		}
	}
	w.tracks = append(w.tracks, t)
	return nil
}

// essence finds the clock of the track's packets.
func (e *webmEntry) essence(private []byte) (essence, error) {
	if e.encoded {
		return essence{}, fmt.Errorf("%w: a Matroska track that is compressed or encrypted", ErrLate)
	}
	switch {
	case e.codec == "A_OPUS" && len(private) == 0:
		return opusEssence([]byte("OpusHead\x01" + string(rune(max(1, min(e.channels, MaxChannels)))) + "\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	case e.codec == "A_OPUS":
		return opusEssence(private)
	case e.codec == "A_VORBIS":
		return vorbisPrivate(private)
	case e.codec == "A_AAC":
		return aacEssence(private)
	case e.codec == "A_FLAC":
		if len(private) < 8+flacInfoBytes || string(private[:4]) != "fLaC" || private[4]&0x7f != 0 {
			return essence{}, fmt.Errorf("%w: a FLAC track without STREAMINFO", ErrMalformed)
		}
		return flacEssence(private[8:][:flacInfoBytes])
	case e.codec == "A_MPEG/L3" || e.codec == "A_MPEG/L2" || e.codec == "A_MPEG/L1":
		return mp3Essence(int64(max(0, min(e.rate, 1<<30))), int(max(0, min(e.channels, 1<<30))))
	case strings.HasPrefix(e.codec, "A_PCM/"):
		return e.pcm()
	}
	return essence{}, fmt.Errorf("%w: Matroska codec %q", ErrLate, e.codec)
}

// pcm counts bytes. A rate with a fraction is not one that audio has.
func (e *webmEntry) pcm() (essence, error) {
	rate := int64(max(0, min(e.rate, 1<<30)))
	channels := int(max(0, min(e.channels, 1<<30)))
	var codec string
	switch float := e.codec == "A_PCM/FLOAT/IEEE"; {
	case float && (e.bits == 32 || e.bits == 64):
		codec = fmt.Sprintf("pcm_f%dle", e.bits)
	case e.codec == "A_PCM/INT/LIT" && e.bits == 8:
		codec = "pcm_u8"
	case e.codec == "A_PCM/INT/LIT" && (e.bits == 16 || e.bits == 24 || e.bits == 32):
		codec = fmt.Sprintf("pcm_s%dle", e.bits)
	case e.codec == "A_PCM/INT/BIG" && (e.bits == 16 || e.bits == 24 || e.bits == 32):
		codec = fmt.Sprintf("pcm_s%dbe", e.bits)
	default:
		return essence{}, fmt.Errorf("%w: Matroska codec %q with %d bits", ErrLate, e.codec, e.bits)
	}
	return pcmEssence(codec, rate, channels, int(e.bits)/8)
}

// vorbisPrivate takes the three headers of Vorbis apart (RFC 9559, appendix on codecs: two sizes, laced as Xiph's).
func vorbisPrivate(p []byte) (essence, error) {
	bad := fmt.Errorf("%w: a Vorbis track without its headers", ErrMalformed)
	if len(p) == 0 || p[0] != 2 {
		return essence{}, bad
	}
	if len(p) == webmPrivate {
		return essence{}, fmt.Errorf("%w: the headers of a Vorbis track have %d bytes or more", ErrUnsupported, webmPrivate)
	}
	p = p[1:]
	var sizes [2]int
	for i := range sizes {
		for {
			if len(p) == 0 {
				return essence{}, bad
			}
			c := p[0]
			p = p[1:]
			if sizes[i] += int(c); c < 255 {
				break
			}
		}
	}
	if sizes[0]+sizes[1] > len(p) {
		return essence{}, bad
	}
	return vorbisEssence(p[:sizes[0]], p[sizes[0]+sizes[1]:])
}
