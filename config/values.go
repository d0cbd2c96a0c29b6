package config

import (
	"net/netip"
	"time"

	"github.com/sttgate/sttgate/config/secret"
	"github.com/sttgate/sttgate/policy"
)

// Value is one key of a config, for programs.
type Value struct {
	Key   string // as in a Change
	Value any    // text, a number, true or false, or a list of texts, as in the file; secrets are ***
	At    Source
}

// Values are all keys of a config, in the order of the file.
func (c Config) Values(s Sources) []Value {
	var out []Value
	schema(c).walk("", "", func(n *node, key, _ string, item bool) {
		if !item {
			out = append(out, Value{Key: key, Value: plainly(n, s), At: s[n.path]})
		}
	})
	return out
}

// plainly is a value as JSON has it.
func plainly(n *node, s Sources) any {
	if n.kind == list {
		return []string{} // one with items has them instead
	}
	if n.kind == table {
		return map[string]string{}
	}
	switch v := n.value.(type) {
	case secret.Value:
		if s[n.path].Default() {
			return v.Reveal() // what is in everybody's copy of this program is no secret
		}
		return v.String()
	case int64:
		return formatSize(v)
	case time.Duration:
		return formatDuration(v)
	case []string:
		return append([]string{}, v...)
	case []policy.Stage:
		return append([]policy.Stage{}, v...)
	case []netip.Prefix:
		out := []string{}
		for _, p := range v {
			out = append(out, p.String())
		}
		return out
	default:
		return v
	}
}
