package provider

import "net/http"

// Deepgram is the dialect of Deepgram's streaming APIs: /v1/listen (Nova,
// Enhanced, Base) and /v2/listen (Flux). Source: developers.deepgram.com,
// deepgram-api-specs asyncapi.yml 2.6.0, and the official SDKs.
type Deepgram struct{}

var _ Provider = Deepgram{}

// The generations of the protocol, as Route.Variant names them.
const (
	deepgramV1 = "v1"
	deepgramV2 = "v2"
)

// Name returns "deepgram".
func (Deepgram) Name() string { return "deepgram" }

// Match serves WebSocket upgrades on /v1/listen and /v2/listen, and what
// deepgram_batch.go tells. The comparison is exact: a path that needed decoding or
// cleaning to fit could mean another resource to the vendor.
func (Deepgram) Match(r *http.Request) (Route, error) {
	if r.Method == http.MethodPost && r.URL.RawPath == "" && !upgrade(r) {
		return matchDeepgramBatch(r)
	}
	if r.Method != http.MethodGet || r.URL.RawPath != "" || !upgrade(r) {
		return Route{}, ErrNoRoute
	}
	var variant string
	switch r.URL.Path {
	case "/v1/listen":
		variant = deepgramV1
	case "/v2/listen":
		variant = deepgramV2
	default:
		return Route{}, ErrNoRoute
	}
	q, err := parseDeepgramQuery(r.URL.RawQuery, variant)
	if err != nil {
		return Route{}, err
	}
	return Route{
		Provider: "deepgram",
		Variant:  variant,
		Mode:     ModeStream,
		Path:     r.URL.Path,
		Query:    q.vendor,
		Format:   q.format,
		Model:    Swap{Asked: q.model},
		Weight:   q.weight, PerChannel: q.perChannel,
		// Samples and packets survive a cut in both generations; see 2.4 of the
		// design for why Flux closes unless an operator says otherwise: its only
		// sign of a drop is a message that it must not get before the end.
		Droppable:     true,
		DropByDefault: variant == deepgramV1,
	}, nil
}

// Open starts a session.
func (Deepgram) Open(rt Route) Session {
	return &deepgramSession{v2: rt.Variant == deepgramV2, words: rt.Words, format: rt.Format, lastSeq: -1}
}

// Safe names what a client needs of the vendor's refusal: what was wrong, under
// which id to ask about it, when to come back.
func (Deepgram) Safe() []string {
	return []string{"Content-Type", "Retry-After", "Dg-Request-Id", "Dg-Error"}
}
