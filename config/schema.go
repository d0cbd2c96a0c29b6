package config

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/sttgate/sttgate/config/secret"
	"github.com/sttgate/sttgate/policy"
)

// kind is what may stand at a key.
type kind int

const (
	section  kind = iota // keys of its own
	list                 // a list of sections
	table                // a section whose keys are anybody's
	text                 // string
	boolean              // bool
	integer              // int
	number               // float64
	size                 // int64: bytes
	duration             // time.Duration
	hidden               // secret.Value
	texts                // []string
	stages               // []policy.Stage
	ranges               // []netip.Prefix
)

// wants completes "must be …".
func (k kind) wants() string {
	return map[kind]string{
		section: "a section with keys of its own", list: "a list of sections, [] for none", table: "a section of names, {} for none",
		text: "text", boolean: "true or false", integer: "a whole number", number: "a number such as 0.7",
		size: "a size such as 512KiB or 1MiB", duration: "a duration such as 250ms, 30m or 7d", hidden: "text",
		texts: "a list such as [a, b]", stages: "a list of stages: none, warning, throttle, restrict",
		ranges: "a list of address ranges such as [10.0.0.0/8]",
	}[k]
}

func (k kind) sequence() bool { return k == texts || k == stages || k == ranges }

// node is one key: what may stand there, and what stands there in the Config that
// the schema was read off.
type node struct {
	name  string // "streams"
	path  string // "limits.streams", "budgets[0].limit"
	kind  kind
	value any     // of a leaf
	keys  []*node // of a section, in the order of the fields
	items []*node // of a list: one section each; of a table: what stands at each name
	item  *node   // of a list or a table: a fresh item, with its defaults; its path is ""
}

// schema reads the keys off a Config's structs.
func schema(c Config) *node { return describe("", "", reflect.ValueOf(c)) }

func describe(name, path string, v reflect.Value) *node {
	n := &node{name: name, path: path, value: v.Interface()}
	switch n.value.(type) {
	case string:
		n.kind = text
	case bool:
		n.kind = boolean
	case int:
		n.kind = integer
	case float64:
		n.kind = number
	case int64:
		n.kind = size
	case time.Duration:
		n.kind = duration
	case secret.Value:
		n.kind = hidden
	case []string:
		n.kind = texts
	case []policy.Stage:
		n.kind = stages
	case []netip.Prefix:
		n.kind = ranges
	case []policy.Budget:
		describeList(n, v, policy.Budget{}.WithDefaults())
	case []policy.Cap:
		describeList(n, v, policy.Cap{})
	case map[string]policy.Plan, map[string]string:
		describeTable(n, v)
	default:
		n.kind = section
		n.keys = fields(path, v)
	}
	return n
}

func describeList(n *node, v reflect.Value, fresh any) {
	n.kind = list
	n.item = describe("", "", reflect.ValueOf(fresh))
	for i := range v.Len() {
		n.items = append(n.items, describe("", fmt.Sprintf("%s[%d]", n.path, i), v.Index(i)))
	}
}

func fields(path string, v reflect.Value) []*node {
	var out []*node
	if v.Kind() == reflect.Map {
		for _, k := range sortedKeys(v) {
			out = append(out, describe(k.String(), join(path, k.String()), v.MapIndex(k)))
		}
		return out
	}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		switch {
		case !f.IsExported() || f.Tag.Get("mapstructure") == "-":
		case f.Tag.Get("mapstructure") == ",squash":
			out = append(out, fields(path, v.Field(i))...)
		default:
			name := snake(f.Name)
			out = append(out, describe(name, join(path, name), v.Field(i)))
		}
	}
	return out
}

// sortedKeys are the keys of a map in the order of the alphabet, stages in their own.
func sortedKeys(v reflect.Value) []reflect.Value {
	rank := func(k reflect.Value) int { return slices.Index(policy.Stages(), policy.Stage(k.String())) }
	return slices.SortedFunc(slices.Values(v.MapKeys()), func(a, b reflect.Value) int {
		if a.Type() == reflect.TypeFor[policy.Stage]() {
			return rank(a) - rank(b)
		}
		return strings.Compare(a.String(), b.String())
	})
}

// leaves calls visit for every key below n that has a value, and for each list and table.
func (n *node) leaves(visit func(*node)) {
	if n.kind != section {
		visit(n)
	}
	for _, k := range n.keys {
		k.leaves(visit)
	}
	for _, i := range n.items {
		i.leaves(visit)
	}
}

func (n *node) key(name string) *node {
	for _, k := range n.keys {
		if k.name == name {
			return k
		}
	}
	return nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// snake turns a field's name into its key: MaxStreams, max_streams; URL, url; Budget80, budget_80.
func snake(field string) string {
	rs := []rune(field)
	var b strings.Builder
	for i, r := range rs {
		if unicode.IsDigit(r) && i > 0 && !unicode.IsDigit(rs[i-1]) {
			b.WriteByte('_')
		}
		if unicode.IsUpper(r) && i > 0 {
			follows := i+1 < len(rs) && unicode.IsLower(rs[i+1])
			if !unicode.IsUpper(rs[i-1]) || follows {
				b.WriteByte('_')
			}
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
