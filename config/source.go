package config

import (
	"fmt"
	"strings"
	"unicode"
)

// Source is where a value came from. The zero Source is the built-in default.
type Source struct {
	File string // the config file, with
	Line int    // the line of the value, from 1
	Env  string // or the environment variable that set it
	Via  string // and the reference that was followed from there: "env:NAME", "file:PATH"
}

// Default reports whether nobody set the value.
func (s Source) Default() bool { return s.File == "" && s.Env == "" }

// String is "default", "config.yaml:12" or "env STTGATE_LISTEN", with the
// reference behind it where there is one.
func (s Source) String() string {
	out := "default"
	switch {
	case s.Env != "":
		out = "env " + s.Env
	case s.File != "" && s.Line > 0:
		out = fmt.Sprintf("%s:%d", s.File, s.Line)
	case s.File != "":
		out = s.File
	}
	if s.Via != "" {
		out += " via " + s.Via
	}
	return oneLine(out)
}

// Sources tells the source of each key: "limits.streams", "budgets[0].limit".
// Lists of sections have an entry for the list itself too.
type Sources map[string]Source

// oneLine keeps a name from the outside from faking a second line of output.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}
