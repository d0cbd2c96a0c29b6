package provider

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// pair is one parameter of a query: as it came, and as it reads.
type pair struct{ raw, key, value string }

// parseQuery reads a query that has exactly one meaning, or returns an *Error.
// Parsers differ about ';' (some split there), about what a bad escape is, about
// control characters, spaces and brackets in keys. A query that uses any of it
// could be one format to the meter and another to the vendor.
func parseQuery(raw string) ([]pair, error) {
	for i := range len(raw) {
		switch c := raw[i]; {
		case c <= ' ' || c >= 0x7f:
			return nil, bad("the query holds a byte that must be percent-encoded")
		case c == ';':
			return nil, bad("';' in the query must be written %3B: some servers split parameters there")
		}
	}
	var out []pair
	for p := range strings.SplitSeq(raw, "&") {
		if p == "" {
			continue
		}
		k, v, _ := strings.Cut(p, "=")
		key, err := url.QueryUnescape(k)
		if err != nil || !plainKey(key) {
			return nil, bad("a query parameter's name is not plain: letters, digits and ._~:-[] are possible")
		}
		value, err := url.QueryUnescape(v)
		if err != nil {
			return nil, bad("query parameter " + key + ": bad percent-encoding")
		}
		if !utf8.ValidString(value) || strings.ContainsFunc(value, control) {
			return nil, bad("query parameter " + key + ": control characters and broken UTF-8 are not passed on")
		}
		out = append(out, pair{raw: p, key: key, value: value})
	}
	return out, nil
}

// bad is a 400.
func bad(detail string) *Error { return &Error{Status: http.StatusBadRequest, Detail: detail} }

// unsupported is a 415.
func unsupported(detail string) *Error {
	return &Error{Status: http.StatusUnsupportedMediaType, Detail: detail}
}

func control(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }

func plainKey(k string) bool {
	return k != "" && !strings.ContainsFunc(k, func(r rune) bool {
		return !alnum(r) && !strings.ContainsRune("._~:-[]", r)
	})
}

func alnum(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// skeleton reduces a key to what a lenient parser may take it for: "Sample-Rate",
// "sample_rate[]" and "sample_rate" are all "samplerate".
func skeleton(key string) string {
	var b strings.Builder
	for i, r := range key {
		switch {
		case r == '[' && i > 0:
			return b.String()
		case alnum(r):
			b.WriteRune(r | 0x20) // digits have the bit set already
		}
	}
	return b.String()
}

// number reads 1 to 999999 in the one spelling that every parser reads alike:
// no sign, space, leading zero, fraction or exponent.
func number(s string) (int, bool) {
	if s == "" || len(s) > 6 || s[0] == '0' {
		return 0, false
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}
