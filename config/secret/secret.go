// Package secret holds values that must never be printed: vendor keys, signing
// secrets, admin tokens. It stands below every other package so that each can
// use the type without importing config.
package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// mask is what every printing path shows. It does not tell the length.
const mask = "***"

// Value is a string that prints as *** through fmt, slog, JSON, YAML and any
// other encoder that asks for text. Only Reveal returns the content, so that a
// search for Reveal lists every place where a secret leaves its type.
// The zero Value is empty and prints as "". Values are not comparable with ==;
// see [Value.Equal].
type Value struct {
	_ [0]func() // no ==, which would compare addresses
	// A pointer, because fmt calls no method on an unexported field of somebody
	// else's struct: there it prints an address instead of the content.
	s *string
}

// New wraps s.
func New(s string) Value {
	if s == "" {
		return Value{}
	}
	return Value{s: &s}
}

// Reveal returns the content, for the one place that needs it.
func (v Value) Reveal() string {
	if v.s == nil {
		return ""
	}
	return *v.s
}

// Empty reports whether there is no secret.
func (v Value) Empty() bool { return v.s == nil }

// Equal compares with s in constant time, whatever the lengths, so that an
// answer's timing tells nothing. An empty secret equals nothing: a missing
// token must not be matched by a missing header.
func (v Value) Equal(s string) bool {
	a, b := sha256.Sum256([]byte(v.Reveal())), sha256.Sum256([]byte(s))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1 && !v.Empty()
}

// String returns *** or, for an empty secret, "".
func (v Value) String() string {
	if v.Empty() {
		return ""
	}
	return mask
}

// Format serves every verb of fmt: a %d for a %s must not show what %s hides.
func (v Value) Format(f fmt.State, verb rune) {
	out := v.String()
	if verb == 'v' && f.Flag('#') {
		out = v.GoString()
	}
	_, _ = io.WriteString(f, out) // fmt.State keeps no error to return
}

// GoString tells a secret from a string in %#v.
func (v Value) GoString() string { return "secret.Value(" + v.String() + ")" }

// LogValue keeps slog from reflecting into the struct.
func (v Value) LogValue() slog.Value { return slog.StringValue(v.String()) }

// MarshalText serves encoding/json and encoding/xml.
func (v Value) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// MarshalYAML serves the YAML encoders.
func (v Value) MarshalYAML() (any, error) { return v.String(), nil }

// UnmarshalText takes the content as it stands.
func (v *Value) UnmarshalText(b []byte) error {
	*v = New(string(b))
	return nil
}
