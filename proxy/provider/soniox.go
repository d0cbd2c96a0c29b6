package provider

import (
	"net/http"
	"strings"

	"github.com/sttgate/sttgate/meter"
)

// Soniox is the dialect of Soniox: real-time transcription on /transcribe-websocket
// and asynchronous transcription under /v1. Source: soniox.com/docs, its OpenAPI
// description, soniox-js 2.3.0, soniox-python 2.
//
// Its clients keep their key in the first message, which the vendor refuses from
// 2027-01-15. Upstream the key always travels in a header, so that they go on working.
type Soniox struct{}

var (
	_ Provider = Soniox{}
	_ Greeter  = Soniox{}
	_ Batch    = Soniox{}
	_ Granter  = Soniox{}
)

// The generations of the protocol, as Route.Variant names them.
const (
	sonioxRealtime = "realtime"
	sonioxAsync    = "async"
)

// Name returns "soniox".
func (Soniox) Name() string { return "soniox" }

// Match serves the WebSocket, and of the REST API what transcribes files. The
// comparison is exact: a path that needed decoding or cleaning to fit could mean
// another resource to the vendor.
func (Soniox) Match(r *http.Request) (Route, error) {
	if r.URL.RawPath != "" {
		return Route{}, ErrNoRoute
	}
	if r.URL.Path == "/transcribe-websocket" {
		return sonioxStream(r)
	}
	mode, object, err := sonioxREST(r)
	if err != nil {
		return Route{}, err
	}
	rt := Route{Provider: "soniox", Variant: sonioxAsync, Mode: mode, Path: r.URL.Path, Object: object, Weight: 1}
	if mode == ModeRead {
		rt.Query, err = sonioxQuery(r.URL.RawQuery)
	}
	return rt, err
}

// sonioxStream is the WebSocket's route. Everything about its audio is in the first
// message; the vendor knows no parameters, so that none is passed on.
func sonioxStream(r *http.Request) (Route, error) {
	if r.Method != http.MethodGet || !upgrade(r) {
		return Route{}, ErrNoRoute
	}
	return Route{
		Provider: "soniox", Variant: sonioxRealtime, Mode: ModeStream, Realtime: true, Weight: 1,
		// A refused upgrade is a plain connection error to every SDK, and one that some
		// of them repeat for ever; the error message behind the first message is not.
		Hello: true, AcceptByDefault: true,
		// Not droppable: a stream is billed while it is held, and one that is starved
		// ends with 408 after 20 s.
	}, nil
}

// sonioxREST finds what a REST request does.
func sonioxREST(r *http.Request) (mode Mode, object string, err error) {
	rest, ok := strings.CutPrefix(r.URL.Path, "/v1/")
	if !ok || upgrade(r) {
		return "", "", ErrNoRoute
	}
	if r.Method == http.MethodPost {
		switch rest {
		case "files":
			return ModeFile, "", nil
		case "transcriptions":
			return ModeJob, "", nil
		case "auth/temporary-api-key":
			return ModeMint, "", nil
		}
		return "", "", ErrNoRoute
	}
	if r.Method != http.MethodGet && r.Method != http.MethodDelete {
		return "", "", ErrNoRoute
	}
	part := strings.Split(rest, "/")
	kind := part[0]
	switch {
	case kind != "files" && kind != "transcriptions":
	case len(part) == 1, len(part) == 2 && part[1] == "count":
		if r.Method == http.MethodGet {
			return ModeRead, "", nil
		}
	case len(part) == 2 && sonioxID(part[1]):
		return ModeRead, part[1], nil
	case len(part) == 3 && kind == "transcriptions" && sonioxID(part[1]) && part[2] == "transcript" && r.Method == http.MethodGet:
		return ModeRead, part[1], nil
	}
	return "", "", ErrNoRoute
}

// sonioxID reports what may be an id: the vendor's are UUIDs. Nothing in it can be
// read as another path.
func sonioxID(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool { return !alnum(r) && r != '-' && r != '_' })
}

// sonioxQuery passes the parameters of a list, without anything that looks like a
// credential: the vendor takes none there, and URLs end in access logs.
func sonioxQuery(raw string) (string, error) {
	pairs, err := parseQuery(raw)
	if err != nil {
		return "", err
	}
	keep := make([]string, 0, len(pairs))
	for _, p := range pairs {
		switch skeleton(p.key) {
		case "token", "accesstoken", "apikey", "key", "jwt", "bearer", "authorization":
		default:
			keep = append(keep, p.raw)
		}
	}
	return strings.Join(keep, "&"), nil
}

// Open starts a session.
func (Soniox) Open(rt Route) Session {
	return &sonioxSession{reference: rt.Reference, models: rt.Models, words: rt.Words}
}

// Safe names what a client needs of the vendor's refusal.
func (Soniox) Safe() []string { return []string{"Content-Type", "Retry-After"} }

// sonioxEncoding is the meter's word for a format's. Raw formats have the same name there, also their
// older ones without pcm_ in front. Unknown ones are left for the meter to refuse.
func sonioxEncoding(name string) meter.Encoding {
	switch name {
	case "auto", "aac", "aiff", "amr", "asf", "flac", "m4a", "mp3", "mp4", "ogg", "wav", "webm":
		return meter.Container
	case "mulaw", "alaw":
		return meter.Encoding(name)
	}
	if raw := meter.Encoding("pcm_" + strings.TrimPrefix(name, "pcm_")); (meter.Format{Encoding: raw}).Headerless() {
		return raw
	}
	return meter.Encoding("audio_format " + name) // the meter knows words that this vendor does not
}
