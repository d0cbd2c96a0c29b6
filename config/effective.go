package config

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/sttgate/sttgate/config/secret"
	"github.com/sttgate/sttgate/policy"
)

// Effective renders c as a config file that says behind each value where it came
// from. Secrets are ***, so that the output can be shown to anyone; apart from
// them it loads as c again.
func (c Config) Effective(s Sources) ([]byte, error) {
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(render(schema(c), s)); err != nil {
		return nil, fmt.Errorf("render config: %w", err)
	}
	if err := enc.Close(); err != nil {
		return nil, fmt.Errorf("render config: %w", err)
	}
	return out.Bytes(), nil
}

func render(n *node, s Sources) *yaml.Node {
	switch n.kind {
	case section:
		y := &yaml.Node{Kind: yaml.MappingNode}
		for _, k := range n.keys {
			y.Content = append(y.Content, word(k.name), render(k, s))
		}
		return y
	case table:
		y := &yaml.Node{Kind: yaml.MappingNode}
		for _, i := range n.items {
			y.Content = append(y.Content, word(i.name), render(i, s))
		}
		if len(n.items) == 0 {
			y.Style, y.LineComment = yaml.FlowStyle, s[n.path].String()
		}
		return y
	case list:
		y := &yaml.Node{Kind: yaml.SequenceNode}
		for _, i := range n.items {
			y.Content = append(y.Content, render(i, s))
		}
		if len(n.items) == 0 {
			y.Style, y.LineComment = yaml.FlowStyle, s[n.path].String()
		}
		return y
	default:
		value, at := n.value, s[n.path]
		if v, ok := value.(secret.Value); ok && at.Default() {
			value = v.Reveal() // what is in everybody's copy of this program is no secret
		}
		y := renderLeaf(value)
		y.LineComment = at.String()
		return y
	}
}

func renderLeaf(value any) *yaml.Node {
	switch v := value.(type) {
	case string:
		return word(v)
	case secret.Value:
		return word(v.String())
	case bool:
		return plain(strconv.FormatBool(v))
	case int:
		return plain(strconv.Itoa(v))
	case float64:
		return plain(strconv.FormatFloat(v, 'f', -1, 64))
	case int64:
		return plain(formatSize(v))
	case time.Duration:
		return plain(formatDuration(v))
	case []string:
		return flow(v)
	case []policy.Stage:
		return flow(v)
	case []netip.Prefix:
		items := make([]string, len(v))
		for i, p := range v {
			items[i] = p.String()
		}
		return flow(items)
	}
	// Every kind of the schema is above; a test renders all of them.
	return word(fmt.Sprint(value))
}

// plain is written as it stands; word is quoted where YAML would take it for
// something else than text.
func plain(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: s} }

func word(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: yamlStr, Value: s}
	if s == "" || s != oneLine(s) {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

func flow[T ~string](items []T) *yaml.Node {
	y := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, s := range items {
		y.Content = append(y.Content, word(string(s)))
	}
	return y
}
