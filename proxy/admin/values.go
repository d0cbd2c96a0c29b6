package admin

import (
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// maxID and the set of characters are those of the data side (DESIGN 2.3): an id that
// no stream can have must not get a record.
const maxID = 128

func checkID(id, what string) error {
	ok := len(id) > 0 && len(id) <= maxID
	for _, c := range id {
		ok = ok && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("._@:-", c))
	}
	if !ok {
		return bad(what + " must be 1 to 128 of A-Z a-z 0-9 . _ @ : -")
	}
	return nil
}

// maxReason bounds the reason of a change in bytes.
const maxReason = 500

func checkReason(s string) error {
	if strings.TrimSpace(s) == "" {
		return bad("reason is missing: say in a few words why, for the audit log")
	}
	if len(s) > maxReason || strings.ContainsFunc(s, unicode.IsControl) {
		return bad("reason must be one line of at most 500 bytes")
	}
	return nil
}

// maxSpan keeps sums of times far from overflow.
const maxSpan = 10 * 366 * 24 * time.Hour

var errSpan = errors.New("is neither a duration such as 90m, 12h or 7d, nor a time such as 2027-01-31T12:00:00Z")

// parseSpan reads a duration, which may begin with days: 7d, 1d12h, 90m.
func parseSpan(s string) (time.Duration, error) {
	var days time.Duration
	rest := s
	if n, after, ok := strings.Cut(s, "d"); ok {
		v, err := strconv.ParseUint(n, 10, 16)
		if err != nil {
			return 0, errSpan
		}
		days, rest = time.Duration(v)*24*time.Hour, after
	}
	var clock time.Duration
	if rest != "" || s == "" {
		var err error
		if clock, err = time.ParseDuration(rest); err != nil || clock < 0 {
			return 0, errSpan
		}
	}
	if days > maxSpan || clock > maxSpan || days+clock > maxSpan {
		return 0, errors.New("is more than ten years")
	}
	if days+clock < time.Second {
		return 0, errors.New("is less than a second")
	}
	return days + clock, nil
}

// parseUntil reads a time in the future, or how long from now. Empty is for good.
func parseUntil(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		switch {
		case !t.After(now):
			return time.Time{}, bad("until has passed already")
		case t.Sub(now) > maxSpan:
			return time.Time{}, bad("until is more than ten years away; leave it out for good")
		}
		return t.UTC(), nil
	}
	d, err := parseSpan(s)
	if err != nil {
		return time.Time{}, bad("until " + err.Error())
	}
	return now.Add(d).UTC(), nil
}

// FormatSpan writes a window the way the config does: 24h, not 24h0m0s.
func FormatSpan(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
