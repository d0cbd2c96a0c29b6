package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// readYAML walks the document along the schema. It returns the values that are
// set and right, nested as in the file, and reports everything else.
func (l *loader) readYAML(data []byte) map[string]any {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, next yaml.Node
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return nil // nothing but blanks and comments
	}
	if err != nil {
		l.syntax(err)
		return nil
	}
	values := l.section(l.schema, doc.Content[0], "")
	switch err := dec.Decode(&next); {
	case errors.Is(err, io.EOF):
	case err != nil:
		l.syntax(err)
	default:
		l.fault(l.at(&next), "", "a second document begins here: a config file is one document")
	}
	return values
}

// quoted is where the parser's messages repeat what stands in the file, which may
// be a secret that lacks its quotes.
var (
	quoted   = regexp.MustCompile("['\"`].*['\"`]")
	yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)
)

func (l *loader) syntax(err error) {
	at, what := Source{File: l.file}, err.Error()
	if m := yamlLine.FindStringSubmatch(what); m != nil {
		at.Line, _ = strconv.Atoi(m[1]) // no number: no line
		what = what[len(m[0]):]
	}
	l.fault(at, "", "is not YAML: "+quoted.ReplaceAllString(what, "…"))
}

func (l *loader) at(y *yaml.Node) Source { return Source{File: l.file, Line: y.Line} }

// section reads a mapping. path is that of the section, "" for the whole file.
func (l *loader) section(n *node, y *yaml.Node, path string) map[string]any {
	y = resolve(y)
	if y.ShortTag() == yamlNull {
		return nil // all of its keys are commented out
	}
	if path != "" {
		l.sources[path] = l.at(y)
	}
	if y.Kind != yaml.MappingNode {
		l.fault(l.at(y), path, "must be "+section.wants())
		return nil
	}
	values := map[string]any{}
	lines := map[string]int{}
	for i := 0; i+1 < len(y.Content); i += 2 {
		k, v := y.Content[i], y.Content[i+1]
		first, dup := lines[k.Value]
		child := n.key(k.Value)
		switch {
		case k.Kind != yaml.ScalarNode || child == nil:
			l.unknown(n, k, path)
		case dup:
			l.fault(l.at(k), join(path, k.Value), fmt.Sprintf("is set twice, first on line %d", first))
		default:
			lines[k.Value] = k.Line
			if value, ok := l.value(child, v, join(path, k.Value)); ok {
				values[k.Value] = value
			}
		}
	}
	return values
}

func (l *loader) value(n *node, y *yaml.Node, path string) (any, bool) {
	switch {
	case n.kind == section:
		values := l.section(n, y, path)
		return values, values != nil
	case n.kind == list:
		return l.list(n, y, path)
	case n.kind == table:
		return l.table(n, y, path)
	case n.kind.sequence():
		return l.sequence(n, y, path)
	}
	return l.scalar(n.kind, y, path)
}

// list reads a list of sections; each starts from the defaults of an item.
func (l *loader) list(n *node, y *yaml.Node, path string) (any, bool) {
	l.sources[path] = l.at(y)
	y = resolve(y)
	if y.Kind != yaml.SequenceNode {
		l.fault(l.at(y), path, "must be "+list.wants())
		return nil, false
	}
	items := make([]any, len(y.Content))
	for i, c := range y.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		item := map[string]any{}
		for _, k := range n.item.keys {
			item[k.name] = k.value
		}
		if resolve(c).ShortTag() == yamlNull {
			l.fault(l.at(c), at, "is empty")
		}
		maps.Copy(item, l.section(n.item, c, at))
		items[i] = item
	}
	return items, true
}

func (l *loader) sequence(n *node, y *yaml.Node, path string) (any, bool) {
	l.sources[path] = l.at(y)
	y = resolve(y)
	if y.Kind == yaml.ScalarNode && reference(y) {
		return l.text(n.kind, y.Value, l.at(y), path)
	}
	if y.Kind != yaml.SequenceNode {
		l.fault(l.at(y), path, "must be "+n.kind.wants())
		return nil, false
	}
	items, ok := make([]string, len(y.Content)), true
	for i, c := range y.Content {
		c = resolve(c)
		if c.Kind != yaml.ScalarNode || c.ShortTag() != yamlStr {
			l.fault(l.at(c), path, fmt.Sprintf("entry %d must be text", i+1))
			ok = false
			continue
		}
		items[i] = c.Value
	}
	if !ok {
		return nil, false
	}
	v, err := parseItems(n.kind, items)
	if err != nil {
		l.fault(l.at(y), path, err.Error())
	}
	return v, err == nil
}

func (l *loader) scalar(k kind, y *yaml.Node, path string) (any, bool) {
	at := l.at(y)
	l.sources[path] = at
	y = resolve(y)
	if y.Kind != yaml.ScalarNode {
		l.fault(at, path, "must be "+k.wants())
		return nil, false
	}
	if reference(y) {
		return l.text(k, y.Value, at, path)
	}
	tag := y.ShortTag()
	if tag == yamlNull {
		l.fault(at, path, `has no value: write one, or "" for empty, or leave the line out`)
		return nil, false
	}
	v, err := parse(k, y.Value, tag)
	if err != nil {
		l.fault(at, path, shown(k, y.Value)+err.Error())
	}
	if k == hidden {
		l.hider.hide(y.Value)
	}
	return v, err == nil
}

// unknown reports a key that the schema has not. Of the key it shows what can be
// part of a name: "{key:s3cret}", without a space, is a key that ends in a secret.
func (l *loader) unknown(n *node, k *yaml.Node, path string) {
	name := k.Value
	if k.Kind != yaml.ScalarNode {
		l.fault(l.at(k), path, "has a key that is no word")
		return
	}
	if name == "<<" {
		l.fault(l.at(k), path, "merge keys (<<) are not supported: write the keys out")
		return
	}
	cut := strings.IndexFunc(name, func(r rune) bool {
		return r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
	hint := ""
	if cut >= 0 {
		if name[cut] == ':' || name[cut] == '=' {
			hint = " (is there a space missing after the colon?)"
		}
		name = name[:cut]
	}
	name = name[:min(len(name), 40)]
	var names []string
	for _, c := range n.keys {
		names = append(names, c.name)
	}
	l.fault(l.at(k), join(path, name), "unknown key"+hint+"; "+l.elsewhere(name, suggest(name, names)))
}

// elsewhere points to the one other section that has a key of this name.
func (l *loader) elsewhere(name, otherwise string) string {
	if strings.HasPrefix(otherwise, "did you mean") {
		return otherwise
	}
	var paths []string
	l.schema.leaves(func(n *node) {
		if n.name == name && !strings.Contains(n.path, "[") {
			paths = append(paths, n.path)
		}
	})
	if len(paths) == 1 {
		return "did you mean " + paths[0] + "?"
	}
	return otherwise
}

func resolve(y *yaml.Node) *yaml.Node {
	if y.Kind == yaml.AliasNode {
		return y.Alias
	}
	return y
}

func reference(y *yaml.Node) bool {
	return y.ShortTag() == yamlStr && (strings.HasPrefix(y.Value, "env:") || strings.HasPrefix(y.Value, "file:"))
}

// shown repeats a value that an error is about, unless it may be a secret.
func shown(k kind, value string) string {
	if k == hidden || len(value) > 40 {
		return ""
	}
	return strconv.Quote(value) + " "
}
