package secrettest

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Surface is a place where secrets might show.
type Surface struct {
	Name string
	Text []byte
}

// Word is a random word that occurs nowhere else; kind is for whoever finds it.
func Word(kind string) string {
	b := make([]byte, 24)
	_, _ = rand.Read(b) // never fails (crypto/rand, Go 1.24)
	return "canary" + kind + hex.EncodeToString(b)
}

// Find lists which of the canaries, by name, show on which surface; allowed are names of those that may.
func Find(surfaces []Surface, canaries map[string]string, allowed ...string) (found []string) {
	for _, on := range surfaces {
		read := readings(on.Text)
		for _, name := range slices.Sorted(maps.Keys(canaries)) {
			if !slices.Contains(allowed, name) && shows(read, canaries[name]) {
				found = append(found, fmt.Sprintf("%s: %s", on.Name, name))
			}
		}
	}
	return found
}

// Shows looks for one word.
func Shows(text []byte, word string) bool { return shows(readings(text), word) }

// Token is whether there is any signed token (JWT), also one that the test has never seen.
func Token(text []byte) bool {
	return regexp.MustCompile(`eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}`).Match(text)
}

// reading is a text as it is, and in small letters.
type reading struct{ text, small []byte }

// readings are the text, and what it says where a part of it was escaped: for JSON, for Go's %q, for a URL, or several of
// them one in the other.
func readings(text []byte) (all []reading) {
	for range 4 {
		all = append(all, reading{text, bytes.ToLower(text)})
		plain := unescaped(text)
		if bytes.Equal(plain, text) {
			break
		}
		text = plain
	}
	return all
}

// unescaped takes one layer of \u00XX, \xXX, \" and %XX away.
func unescaped(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		digits, from := 0, i+1
		switch {
		case text[i] == '%':
			digits = 2
		case text[i] != '\\' || i+1 == len(text):
		case text[i+1] == 'x':
			digits, from = 2, i+2
		case text[i+1] == 'u':
			digits, from = 4, i+2
		case strings.IndexByte(`"\/'`, text[i+1]) >= 0:
			i++
		}
		if b, ok := hexadecimal(text, from, digits); ok {
			out, i = append(out, b), from+digits-1
			continue
		}
		out = append(out, text[i])
	}
	return out
}

// hexadecimal reads the byte that some digits stand for; what is beyond a byte is no part of a word.
func hexadecimal(text []byte, from, digits int) (byte, bool) {
	if digits == 0 || from+digits > len(text) {
		return 0, false
	}
	s := text[from : from+digits]
	if digits == 4 {
		if s[0] != '0' || s[1] != '0' {
			return 0, false
		}
		s = s[2:]
	}
	var b [1]byte
	_, err := hex.Decode(b[:], s)
	return b[0], err == nil
}

// shows looks for a word as it is, in any case, as hexadecimal digits, and in base64, wherever it begins there.
func shows(read []reading, word string) bool {
	small := strings.ToLower(word)
	for _, r := range read {
		for _, form := range []string{small, strings.ReplaceAll(small, " ", "+"), hex.EncodeToString([]byte(word))} {
			if bytes.Contains(r.small, []byte(form)) {
				return true
			}
		}
	}
	for shift := range 3 {
		enc := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + word))
		enc = enc[(shift*8+5)/6 : len(enc)-2] // what neighbours change is left out
		web := strings.NewReplacer("+", "-", "/", "_").Replace(enc)
		for _, r := range read {
			if bytes.Contains(r.text, []byte(enc)) || bytes.Contains(r.text, []byte(web)) {
				return true
			}
		}
	}
	return false
}
