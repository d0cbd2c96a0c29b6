package provider

import "strings"

// AnyModel stands for every model that is not named.
const AnyModel = "*"

// Models are what a user's stage has in place of the models that clients ask for.
type Models struct {
	Instead map[string]string // asked for -> used; see AnyModel
	// Withheld are those that nobody is to feel: nothing is replaced by them, and Swap.Would tells what would be.
	Withheld map[string]string
}

// Swap is what became of the model that a client asked for.
type Swap struct {
	Asked string // as the vendor calls it; "" where the client has left it to the vendor, or named none that a vendor has
	Used  string // in its place; "" where nothing was replaced
	Would string // what would have been used but for its being withheld; ""
}

// Remodeler is a Provider whose clients name the model that hears them, so that another can be put in its place. It
// does that as everything else here: without I/O.
type Remodeler interface {
	// Remodel returns a route on which other models are used than clients ask for, where the vendor has them for such a route. It replaces
	// the name in the route's query, in the first message (Session.FromClient) or in a job (Batch.Order); every other byte stays.
	Remodel(rt Route, m *Models) Route
	// Replaces reports whether used can take the place of asked, or of AnyModel, on any route of the vendor's, as far as names tell.
	Replaces(asked, used string) bool
}

// swap decides about a model. takes says which ones the vendor has for the route at hand: one that it has not would only be refused.
func (m *Models) swap(asked string, takes func(string) bool) Swap {
	s := Swap{Asked: modelName(asked)}
	if m == nil {
		return s
	}
	s.Used = instead(m.Instead, asked, takes)
	if s.Would = instead(m.Withheld, asked, takes); s.Would == s.Used {
		s.Would = ""
	}
	return s
}

// instead is what a map has in place of a model, "" where that is the model itself, or none. One map serves every vendor: what
// it has for a model of the same name elsewhere leaves room for what it has for any.
func instead(in map[string]string, asked string, takes func(string) bool) string {
	for _, name := range []string{asked, AnyModel} {
		used, ok := in[name]
		switch {
		case ok && used == asked:
			return ""
		case ok && takes(used):
			return used
		}
	}
	return ""
}

// done reports whether anything was replaced, or would have been.
func (s Swap) done() bool { return s.Used != "" || s.Would != "" }

// maxModel bounds a model's name, which is remembered and shown.
const maxModel = 64

func modelName(s string) string {
	if len(s) > maxModel || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return "" // no vendor's
	}
	return strings.Clone(s) // not the message that it was in
}

// family reports whether a model's name begins with one of some words.
func family(name string, words ...string) bool {
	name = strings.ToLower(name)
	for _, w := range words {
		if strings.HasPrefix(name, w) {
			return true
		}
	}
	return false
}

var (
	_ Remodeler = Deepgram{}
	_ Remodeler = Soniox{}
	_ Remodeler = Speechmatics{}
)
