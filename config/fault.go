package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Fault is one thing that is wrong.
type Fault struct {
	At   Source // where; Default when no one place is to blame
	Key  string // which key; "" when the file cannot be read at all
	What string // what is wrong and what to write instead; never a secret
}

// String is one line: "config.yaml:12: limits.streams: what is wrong".
func (f Fault) String() string {
	where := f.At
	where.Via = ""
	parts := []string{where.String()}
	if f.Key != "" {
		parts = append(parts, f.Key)
	}
	return oneLine(strings.Join(append(parts, f.What), ": "))
}

// Faults is the error of Load: everything that is wrong, one line each, in the
// order of the file, the environment last.
type Faults []Fault

func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.String()
	}
	return strings.Join(lines, "\n")
}

// sorted orders the faults as an operator works through them.
func (f Faults) sorted() Faults {
	slices.SortStableFunc(f, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.At.Env, b.At.Env), cmp.Compare(a.At.Line, b.At.Line))
	})
	return f
}

// has reports whether key, a part of it or what it is a part of is known to be
// wrong already.
func (f Faults) has(key string) bool {
	return slices.ContainsFunc(f, func(x Fault) bool {
		// A variable that names a whole section has not spoilt what is in the section.
		outer := x.Key != "" && x.At.Env == "" && within(key, x.Key)
		return outer || x.Key == key || within(x.Key, key)
	})
}

func within(key, outer string) bool {
	return strings.HasPrefix(key, outer+".") || strings.HasPrefix(key, outer+"[")
}

// hider blanks contents that came from where secrets come from. Messages do not
// show them in the first place; this is for those that other packages write.
type hider []string

func (h *hider) hide(content string) {
	// Below four bytes it is no secret, and blanking it would garble every message.
	if len(content) >= 4 {
		quoted := strconv.Quote(content)
		*h = append(*h, content, quoted[1:len(quoted)-1])
	}
}

func (h hider) clean(s string) string {
	for _, content := range h {
		s = strings.ReplaceAll(s, content, "***")
	}
	return s
}
