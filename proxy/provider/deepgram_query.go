package provider

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sttgate/sttgate/meter"
)

// deepgramQuery is an understood query of /v1/listen or /v2/listen.
type deepgramQuery struct {
	format     meter.Format
	weight     int64
	perChannel bool
	model      string // that is asked for
	vendor     string // what is forwarded: the raw pairs in their order
}

// deepgramFormat are the parameters that decide what a byte costs, by skeleton.
// Each may stand once, in this spelling and without percent-encoding.
func deepgramFormat(skel string) (name string, ok bool) {
	switch skel {
	case "encoding", "channels", "multichannel":
		return skel, true
	case "samplerate":
		return "sample_rate", true
	}
	return "", false
}

// deepgramCredential reports keys that look like a credential. The vendor
// documents none in the query; such a pair is never forwarded, with an injected
// key or without, because a caller's token must not end in somebody's access log.
func deepgramCredential(skel string) bool {
	switch skel {
	case "token", "accesstoken", "apikey", "key", "jwt", "bearer", "authorization":
		return true
	}
	return false
}

func parseDeepgramQuery(raw, variant string) (deepgramQuery, error) {
	declared, vendor, err := readDeepgramQuery(raw)
	if err != nil {
		return deepgramQuery{}, err
	}
	q := deepgramQuery{vendor: vendor, model: deepgramModel(declared)}
	q.format, err = deepgramAudio(declared, variant)
	if err != nil {
		return deepgramQuery{}, err
	}
	q.weight, q.perChannel = deepgramWeight(declared, q.format)
	return q, nil
}

// deepgramWeight is what a millisecond costs: with multichannel each channel is transcribed and billed. How many
// a container has it says itself.
func deepgramWeight(declared map[string]string, f meter.Format) (weight int64, perChannel bool) {
	switch {
	case declared["multichannel"] != "true":
		return 1, false
	case f.Encoding == meter.Container:
		return 1, true
	}
	return int64(f.Channels), false
}

// readDeepgramQuery returns what the query declares of its audio and of the model, and what of it is forwarded.
func readDeepgramQuery(raw string) (declared map[string]string, vendor string, err error) {
	pairs, err := parseQuery(raw)
	if err != nil {
		return nil, "", err
	}
	declared = make(map[string]string, 4)
	keep := make([]string, 0, len(pairs))
	for _, p := range pairs {
		skel := skeleton(p.key)
		if deepgramCredential(skel) {
			continue
		}
		if skel == "callback" || skel == "callbackmethod" {
			return nil, "", bad("callback is not supported: results that are delivered elsewhere cannot be followed by the gateway; read them from the answer to this request")
		}
		if name, ok := deepgramFormat(skel); ok {
			err = declare(declared, name, p)
		} else if deepgramNaming(skel) {
			err = declareModel(declared, skel, p)
		}
		if err != nil {
			return nil, "", err
		}
		keep = append(keep, p.raw)
	}
	return declared, strings.Join(keep, "&"), nil
}

// declare notes a format parameter that stands once and plainly.
func declare(declared map[string]string, name string, p pair) error {
	if p.key != name || p.raw != name+"="+p.value {
		return bad("query parameter " + p.key + " must be written " + name + "=value, without escapes: another spelling may be read differently by the vendor")
	}
	if p.value == "" {
		return bad("query parameter " + name + " is empty")
	}
	if _, dup := declared[name]; dup {
		return bad("query parameter " + name + " stands more than once; the audio has one format")
	}
	declared[name] = p.value
	return nil
}

// deepgramAudio turns the declaration into a format that can be metered.
//
//	none, flac, ogg-opus                 a container, or what begins like one: it says itself what it is
//	linear16, linear32, mulaw, alaw      samples, at the declared rate
//	opus, speex                          bare packets, one per message: they say themselves how long they are
//	g729                                 10 bytes are 10 ms
//	amr-nb, amr-wb                       frames, with or without the header of a file
func deepgramAudio(declared map[string]string, variant string) (meter.Format, error) {
	f := meter.Format{Channels: 1}
	rate, channels := declared["sample_rate"], declared["channels"]
	if v, set := declared["multichannel"]; set && v != "true" && v != "false" {
		return f, bad("multichannel must be true or false")
	}
	var ok bool
	if f.SampleRate, ok = number(rate); !ok && rate != "" {
		return f, bad("sample_rate must be a plain decimal number of Hz, for example sample_rate=16000")
	}
	if channels != "" {
		if f.Channels, ok = number(channels); !ok || f.Channels < 1 || f.Channels > meter.MaxChannels {
			return f, bad("channels must be a plain decimal number from 1 to 20")
		}
	}
	encoding := declared["encoding"]
	switch f.Encoding = meter.Encoding(encoding); f.Encoding {
	case "", "flac", "ogg-opus":
		f = meter.Format{Encoding: meter.Container}
	case meter.Linear16, meter.Linear32, meter.Mulaw, meter.Alaw:
		if rate == "" {
			return f, bad("encoding needs a sample_rate, for example sample_rate=16000")
		}
		if err := f.Validate(); err != nil {
			return f, bad(err.Error())
		}
	case meter.RawOpus:
	case meter.RawSpeex, meter.RawG729, meter.RawAMR, meter.RawAMRWB:
		if f.Channels != 1 {
			return f, bad("encoding=" + encoding + " has one channel")
		}
	default:
		return f, unsupported(fmt.Sprintf("encoding=%.40s is not known here: leave encoding out for audio in a container; else use linear16, linear32, mulaw, alaw, flac, opus, ogg-opus, speex, g729, amr-nb or amr-wb", encoding))
	}
	if _, err := meter.Open(f); err != nil {
		return f, unsupported(err.Error())
	}
	if variant == deepgramV2 {
		return f, fluxAudio(f, declared)
	}
	return f, nil
}

// fluxAudio holds what /v2/listen takes: mono, at one of five rates; of the encodings the plain ones and Opus.
func fluxAudio(f meter.Format, declared map[string]string) error {
	if f.Channels > 1 || declared["multichannel"] == "true" {
		return bad("/v2/listen takes mono audio only")
	}
	switch declared["encoding"] {
	case "", "opus", "ogg-opus":
		return nil
	case "linear16", "linear32", "mulaw", "alaw":
		if !slices.Contains([]int{8000, 16000, 24000, 44100, 48000}, f.SampleRate) {
			return bad("/v2/listen takes sample_rate 8000, 16000, 24000, 44100 or 48000")
		}
		return nil
	}
	return unsupported("/v2/listen takes encoding linear16, linear32, mulaw, alaw, opus or ogg-opus, or none for WAV, Ogg and WebM")
}
