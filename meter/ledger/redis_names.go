package ledger

import (
	"fmt"
	"net/url"
	"strings"
)

// names are the keys of a Redis store: PREFIX{OWNER}:KIND:NAME. All keys of one owner share
// a slot by their braces. What was chosen by somebody else is escaped, so that no id
// reads as another's key and no brace moves a key to another slot.
type names struct{ prefix string }

// owner is the common part of an owner's keys: "sttgate:{user:alice}:".
type owner string

func userOwner(user string) string { return "user:" + user }

// tag is an owner's name inside the braces.
func tag(name string) string { return escape(name, ":") }

func (n names) owner(name string) owner { return n.tagged(tag(name)) }

func (n names) tagged(tag string) owner { return owner(n.prefix + "{" + tag + "}:") }

func (o owner) state() string    { return string(o) + "state" }
func (o owner) sessions() string { return string(o) + "sessions" }

func (n names) note(key string) string    { return n.prefix + "note:" + escape(key, "") }
func (n names) probe() string             { return n.prefix + "probe" }
func (n names) users() string             { return n.prefix + "users" }
func (n names) gateways() string          { return n.prefix + "gateways" }
func (n names) imported(id string) string { return n.prefix + "import:" + escape(id, "") }

// reminders are the set of what is due, and the hash of what it says. No budget's owner is called so.
func (n names) reminders() []string {
	o := string(n.tagged("reminders"))
	return []string{o + "due", o + "reminder"}
}

// parse takes a key apart.
func (n names) parse(key string) (record, bool) {
	rest, ours := strings.CutPrefix(key, n.prefix)
	rec := record{key: key}
	tag, own, tagged := strings.Cut(strings.TrimPrefix(rest, "{"), "}:")
	if tagged && strings.HasPrefix(rest, "{") {
		rec.owner, ours = plainNames(tag, ours)
		rest = own
	}
	rec.kind, rec.name, _ = strings.Cut(rest, ":")
	if rec.kind != "budget" { // whose name has three parts
		rec.name, ours = plainNames(rec.name, ours)
	}
	return rec, ours
}

// plainNames is what escape made of it; ok stays as it was, unless it made no such thing.
func plainNames(s string, ok bool) (string, bool) {
	out, err := plainName(s)
	return out, ok && err == nil
}

func plainName(s string) (string, error) {
	out, err := url.PathUnescape(s)
	if err != nil {
		return "", fmt.Errorf("name %q: %w", s, errRecord)
	}
	return out, nil
}

// escape keeps letters, digits and ._@- and what else is said, and writes the rest as %XX.
func escape(s, also string) string {
	const hexes = "0123456789ABCDEF"
	plain := func(c byte) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("._@-"+also, c) >= 0
	}
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; plain(c) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hexes[c>>4], hexes[c&15]})
		}
	}
	return b.String()
}
