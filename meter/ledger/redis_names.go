package ledger

import "strings"

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

func (n names) note(key string) string { return n.prefix + "note:" + escape(key, "") }
func (n names) probe() string          { return n.prefix + "probe" }
func (n names) users() string          { return n.prefix + "users" }

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
