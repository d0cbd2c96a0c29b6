package provider

import (
	"mime"
	"net/http"
	"strings"
	"time"
)

// Deepgram beside its streams:
//
//	POST /v1/listen      audio of any content type, or JSON {"url"}; answered with the transcript
//	POST /v1/auth/grant  a temporary token: the gateway's own
//
// Source: developers.deepgram.com (pre-recorded audio, token-based authentication),
// deepgram-api-specs openapi.yml.
var (
	_ Batch   = Deepgram{}
	_ Granter = Deepgram{}
)

func matchDeepgramBatch(r *http.Request) (Route, error) {
	rt := Route{Provider: "deepgram", Variant: deepgramV1, Mode: ModeMint, Path: r.URL.Path, Weight: 1}
	switch r.URL.Path {
	case "/v1/auth/grant":
		return rt, nil
	case "/v1/listen":
	default:
		return Route{}, ErrNoRoute
	}
	declared, vendor, err := readDeepgramQuery(r.URL.RawQuery)
	if err != nil {
		return Route{}, err
	}
	rt.Mode, rt.Query, rt.Model = ModeUpload, vendor, Swap{Asked: deepgramModel(declared)}
	if rt.Format, err = deepgramAudio(declared, deepgramV1); err != nil {
		return Route{}, err
	}
	rt.Weight, rt.PerChannel = deepgramWeight(declared, rt.Format)
	return rt, nil
}

// Body tells JSON, which names a URL, from audio, which may be called anything.
func (Deepgram) Body(_ Route, contentType string) (Body, error) {
	if contentType == "" {
		return Body{}, nil
	}
	media, _, err := mime.ParseMediaType(contentType)
	switch {
	case err == nil && media == "application/json":
		return Body{JSON: true}, nil
	case strings.Contains(strings.ToLower(contentType), "json"):
		return Body{}, unsupported("Content-Type of a request with a URL must be application/json: another spelling may be read as audio by the gateway and as a URL by the vendor")
	}
	return Body{}, nil
}

// Order reads {"url": "https://…"}. What is said twice, or escaped, may be read as another
// thing by the vendor: but a URL it stays, and its length is unknown either way.
func (Deepgram) Order(rt Route, json []byte) (Order, error) {
	named := false
	for o := members(json); o.next(); {
		if string(o.key) == "url" && len(o.val) > 2 && o.val[0] == '"' {
			named = true
		}
	}
	if !named {
		return Order{}, bad(`the body must be JSON such as {"url": "https://example.com/audio.wav"}, or audio with another Content-Type`)
	}
	order := Order{URL: true}
	if rt.PerChannel {
		order.Weight = 2 // channels that nobody has seen: stereo is the usual case, and the answer tells
	}
	return order, nil
}

// Outcome reads the answer's metadata, which stands first in it, and the words behind it.
func (Deepgram) Outcome(rt Route, status int, body []byte) (out Outcome) {
	if status/100 != 2 {
		return Outcome{Done: true, Failed: true}
	}
	out.Done = true
	for o := members(body); o.next(); {
		switch string(o.key) {
		case "metadata":
			for m := members(o.val); m.next(); {
				switch string(m.key) {
				case "duration":
					out.Duration, out.Known = seconds(m.val)
				case "channels":
					if n, ok := number(string(m.val)); ok && rt.PerChannel {
						out.Weight = int64(n)
					}
				}
			}
			if !rt.Words {
				return out
			}
		case "results":
			if rt.Words {
				out.Speech, out.Heard = deepgramSpeech(o.val)
			}
		}
	}
	return out
}

// deepgramSpeech is what the words of all channels last, which lie above each other. Results without
// a channel, as those of a summary alone, tell nothing.
func deepgramSpeech(results []byte) (_ time.Duration, heard bool) {
	var all []span
	for o := members(results); o.next(); {
		if string(o.key) != "channels" {
			continue
		}
		for c := elements(o.val); c.next(); {
			words := deepgramWords(c.val)
			heard = heard || words != nil
			for w := elements(words); w.next(); {
				if from, to, ok := timed(w.val, "start", "end"); ok {
					all = append(all, span{from, to})
				}
			}
		}
	}
	return union(all), heard
}
