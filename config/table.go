package config

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"go.yaml.in/yaml/v3"
)

// A table is a section whose keys are the operator's own: names of plans, users, models. In paths they
// stand in brackets, policy.plans[free].caps, because a name may have dots.

// describeTable is the schema of a table: what stands in it, and what may.
func describeTable(n *node, v reflect.Value) {
	n.kind = table
	n.item = describe("", "", reflect.Zero(v.Type().Elem()))
	for _, k := range sortedKeys(v) {
		n.items = append(n.items, describe(k.String(), n.path+"["+k.String()+"]", v.MapIndex(k)))
	}
}

// table reads a table. What it returns has its Go type already: viper folds the case of the keys of any other map.
func (l *loader) table(n *node, y *yaml.Node, path string) (any, bool) {
	l.sources[path] = l.at(y)
	y = resolve(y)
	if y.Kind != yaml.MappingNode {
		l.fault(l.at(y), path, "must be "+table.wants())
		return nil, false
	}
	values, ok := map[string]any{}, true
	lines := map[string]int{}
	for i := 0; i+1 < len(y.Content); i += 2 {
		k, v := y.Content[i], y.Content[i+1]
		if k.Kind != yaml.ScalarNode || !tableKey(k.Value) {
			l.fault(l.at(k), path, "has a key that is no name: use up to 128 printable characters without blanks and brackets")
			ok = false
			continue
		}
		at := path + "[" + k.Value + "]"
		if first, dup := lines[k.Value]; dup {
			l.fault(l.at(k), at, fmt.Sprintf("is set twice, first on line %d", first))
			ok = false
			continue
		}
		lines[k.Value] = k.Line
		value, fine := l.value(n.item, v, at)
		if !fine && resolve(v).ShortTag() == yamlNull && n.item.kind == section {
			l.fault(l.at(v), at, "is empty")
		}
		values[k.Value], ok = value, ok && fine
	}
	if !ok {
		return nil, false
	}
	typed := reflect.New(reflect.TypeOf(n.value))
	if err := decode(values, typed.Interface()); err != nil {
		// The walk has checked every key and type, so this is a fault in this package.
		l.fault(l.at(y), path, "internal: "+err.Error())
		return nil, false
	}
	return typed.Elem().Interface(), true
}

// tableKey keeps a name fit for a path in a message of one line.
func tableKey(s string) bool {
	return s != "" && len(s) <= 128 && s == oneLine(s) && !strings.ContainsAny(s, " []")
}

func decode(values, into any) error {
	dc := &mapstructure.DecoderConfig{Result: into, ErrorUnused: true}
	strict(dc)
	dec, err := mapstructure.NewDecoder(dc)
	if err != nil {
		return err
	}
	return dec.Decode(values)
}

// strict takes values as they are: the walk has given them their types.
func strict(dc *mapstructure.DecoderConfig) {
	dc.MatchName = func(key, field string) bool { return key == snake(field) }
	dc.WeaklyTypedInput = false
	dc.DecodeHook = nil
	dc.ZeroFields = true // lists replace the default, they do not overlay it
}
