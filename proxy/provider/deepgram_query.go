package provider

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sttgate/sttgate/meter"
)

// deepgramQuery is an understood query of /v1/listen or /v2/listen.
type deepgramQuery struct {
	format meter.Format
	weight int64
	vendor string // what is forwarded: the raw pairs in their order
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
	q := deepgramQuery{vendor: vendor}
	q.format, err = deepgramAudio(declared, variant)
	if err != nil {
		return deepgramQuery{}, err
	}
	q.weight = 1
	if declared["multichannel"] == "true" {
		q.weight = int64(q.format.Channels) // each channel is transcribed and billed
	}
	return q, nil
}

// readDeepgramQuery returns what the query declares of its audio, and what of it is forwarded.
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
			if err := declare(declared, name, p); err != nil {
				return nil, "", err
			}
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

const deepgramSupported = "send headerless audio with encoding=linear16, linear32, mulaw or alaw and its sample_rate"

// deepgramAudio turns the declaration into a format that can be metered.
func deepgramAudio(declared map[string]string, variant string) (meter.Format, error) {
	f := meter.Format{Encoding: meter.Encoding(declared["encoding"]), Channels: 1}
	switch f.Encoding {
	case meter.Linear16, meter.Linear32, meter.Mulaw, meter.Alaw:
	case "":
		return f, unsupported("audio in a container (no encoding in the query) is not supported yet: " + deepgramSupported)
	default:
		return f, unsupported(fmt.Sprintf("encoding=%.40s is not supported yet: %s", f.Encoding, deepgramSupported))
	}
	var ok bool
	if declared["sample_rate"] == "" {
		return f, bad("encoding needs a sample_rate, for example sample_rate=16000")
	}
	if f.SampleRate, ok = number(declared["sample_rate"]); !ok {
		return f, bad("sample_rate must be a plain decimal number of Hz, for example sample_rate=16000")
	}
	if v, set := declared["channels"]; set {
		if f.Channels, ok = number(v); !ok {
			return f, bad("channels must be a plain decimal number from 1 to 20")
		}
	}
	if v, set := declared["multichannel"]; set && v != "true" && v != "false" {
		return f, bad("multichannel must be true or false")
	}
	if variant == deepgramV2 {
		return f, fluxAudio(f, declared)
	}
	if err := f.Validate(); err != nil {
		return f, bad(err.Error())
	}
	return f, nil
}

// fluxAudio holds what /v2/listen takes: mono, at one of five rates.
func fluxAudio(f meter.Format, declared map[string]string) error {
	if f.Channels != 1 || declared["multichannel"] == "true" {
		return bad("/v2/listen takes mono audio only")
	}
	if !slices.Contains([]int{8000, 16000, 24000, 44100, 48000}, f.SampleRate) {
		return bad("/v2/listen takes sample_rate 8000, 16000, 24000, 44100 or 48000")
	}
	return nil
}
