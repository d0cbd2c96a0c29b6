package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sttgate/sttgate/config/secret"
)

// Change is a key whose value is another one.
type Change struct {
	Key string // entries of lists by their names: "budgets[deepgram-daily].limit"
	// From and To are as one would write them in the file; "" is no such key. Secrets are ***, and so is what was read
	// through a reference: from where secrets come.
	From, To string
}

// String is "limits.streams: 100 -> 200".
func (c Change) String() string {
	shown := func(s string) string {
		if s == "" {
			return "(none)"
		}
		return s
	}
	return c.Key + ": " + shown(c.From) + " -> " + shown(c.To)
}

// Diff tells what is another in b than in a, in the order of a, what only b has last. The sources say what must not be shown.
func Diff(a, b Config, from, to Sources) []Change {
	before, after := entriesOf(schema(a)), entriesOf(schema(b))
	in, out := index(before), index(after)
	var all []Change
	for _, x := range before {
		y, both := out[x.key]
		switch {
		case x.within != "" && out[x.within].key == "": // said with the whole item
		case !both:
			all = append(all, Change{Key: x.key, From: written(x.node, from)})
		case !x.item && x.raw != y.raw:
			all = append(all, Change{Key: x.key, From: written(x.node, from), To: written(y.node, to)})
		}
	}
	for _, y := range after {
		if _, both := in[y.key]; !both && (y.within == "" || in[y.within].key != "") {
			all = append(all, Change{Key: y.key, To: written(y.node, to)})
		}
	}
	return all
}

// Hash is the same for configs that are the same but for their secrets, at which no metric may give a hint.
func (c Config) Hash() string {
	sum := sha256.New()
	for _, e := range entriesOf(schema(c)) {
		shown := e.raw
		if masked(e.node, nil) {
			shown = mask
		}
		sum.Write([]byte(e.key + "=" + shown + "\n"))
	}
	return hex.EncodeToString(sum.Sum(nil)[:6])
}

// entry is a key, or a whole item of a list or a table, as a diff shows it.
type entry struct {
	key, path string // path is as in Sources
	item      bool
	within    string // the item that it is a part of
	raw       string // the value itself, in some form
	node      *node
}

func index(all []entry) map[string]entry {
	out := make(map[string]entry, len(all))
	for _, e := range all {
		out[e.key] = e
	}
	return out
}

func entriesOf(n *node) []entry {
	var out []entry
	n.walk("", "", func(n *node, key, within string, item bool) {
		if n.kind == list || n.kind == table {
			return // an empty one: what it lost is said item by item
		}
		e := entry{key: key, path: n.path, item: item, within: within, node: n}
		if !item {
			e.raw = raw(n)
		}
		out = append(out, e)
	})
	return out
}

// walk visits every value below n, every item of lists and tables, and those that have none, under the key that a diff shows it by.
func (n *node) walk(key, within string, visit func(n *node, key, within string, item bool)) {
	if n.kind != section && len(n.items) == 0 {
		visit(n, key, within, false)
		return
	}
	for _, k := range n.keys {
		k.walk(join(key, k.name), within, visit)
	}
	for i, one := range n.items {
		name := one.name
		if n.kind == list {
			name = itemName(n, i)
		}
		at := key + "[" + name + "]"
		if one.kind == section {
			visit(one, at, within, true)
			one.walk(at, at, visit)
			continue
		}
		one.walk(at, within, visit)
	}
}

// itemName is what an item of a list is called: its name, where it has one of its own, else its number.
func itemName(list *node, i int) string {
	own := func(n *node) string {
		if k := n.key("name"); k != nil {
			name, _ := k.value.(string)
			return name
		}
		return ""
	}
	name := own(list.items[i])
	for j, other := range list.items {
		if name == "" || j != i && own(other) == name {
			return strconv.Itoa(i)
		}
	}
	return name
}

// written is a value as one would write it in the file, in one line.
func written(n *node, s Sources) string {
	if masked(n, s) {
		return mask // as YAML has it, it would stand in quotes
	}
	out, err := yaml.Marshal(inline(n, s))
	if err != nil {
		return "?" // there is nothing in a schema that YAML cannot say
	}
	return strings.TrimSuffix(string(out), "\n")
}

func inline(n *node, s Sources) *yaml.Node {
	switch n.kind {
	case section, table:
		y := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
		for _, k := range slices.Concat(n.keys, n.items) {
			y.Content = append(y.Content, word(k.name), inline(k, s))
		}
		return y
	case list:
		y := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, i := range n.items {
			y.Content = append(y.Content, inline(i, s))
		}
		return y
	default:
		if masked(n, s) {
			return word(mask)
		}
		return renderLeaf(n.value)
	}
}

// masked says that a value is not to be shown.
func masked(n *node, s Sources) bool {
	v, hidden := n.value.(secret.Value)
	return hidden && !v.Empty() || !hidden && s[n.path].Via != ""
}

// raw is the same for the same value, and shows what it is: never print it.
func raw(n *node) string {
	switch v := n.value.(type) {
	case secret.Value:
		return v.Reveal()
	case []string:
		return fmt.Sprintf("%q", v)
	}
	return fmt.Sprint(n.value)
}
