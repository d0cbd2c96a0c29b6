package provider

import (
	"net/url"
	"strings"
)

// Modelled is a Session that knows which model the client has asked for, as the vendor's word.
type Modelled interface {
	Model() string // "" where the client has left it to the vendor, or has not spoken yet
}

// maxModel bounds a model's name, which is remembered and shown.
const maxModel = 64

// QueryModel is the model that a query names; "" for none.
func QueryModel(query string) string {
	for p := range strings.SplitSeq(query, "&") {
		if v, ok := strings.CutPrefix(p, "model="); ok {
			name, err := url.QueryUnescape(v)
			if err != nil {
				return ""
			}
			return modelName(name)
		}
	}
	return ""
}

// jsonModel is the model that a start message or an order names: "model" with Soniox, the operating point with Speechmatics.
func jsonModel(text []byte) string {
	for o := members(text); o.next(); {
		switch string(o.key) {
		case "model":
			name, _ := jsonText(o.val)
			return modelName(name)
		case "transcription_config":
			for c := members(o.val); c.next(); {
				if string(c.key) == "operating_point" {
					name, _ := jsonText(c.val)
					return modelName(name)
				}
			}
		}
	}
	return ""
}

func modelName(s string) string {
	if len(s) > maxModel || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return "" // no vendor's
	}
	return strings.Clone(s) // not the message that it was in
}

// Model is the one in the query.
func (s *deepgramSession) Model() string { return QueryModel(s.query) }

// Model is the start message's.
func (s *sonioxSession) Model() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.model
}

// Model is StartRecognition's operating point.
func (s *speechmaticsSession) Model() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.model
}

var (
	_ Modelled = (*deepgramSession)(nil)
	_ Modelled = (*sonioxSession)(nil)
	_ Modelled = (*speechmaticsSession)(nil)
)
