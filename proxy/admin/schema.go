package admin

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// object is a piece of the OpenAPI document.
type object = map[string]any

// schemas makes JSON Schemas (2020-12, which is what OpenAPI 3.1 takes) of Go types as encoding/json writes them. What a
// member means stands in its doc tag, the words that it may have in its enum tag: "@name" is a list of words by name.
type schemas struct {
	words map[string][]string
	named object                  // by name, each struct once
	types map[string]reflect.Type // whose name it is
}

func newSchemas(words map[string][]string) *schemas {
	return &schemas{words: words, named: object{}, types: map[string]reflect.Type{}}
}

// of returns the schema of a value's type; of a struct, a reference.
func (s *schemas) of(v any) (object, error) { return s.schema(reflect.TypeOf(v)) }

func (s *schemas) schema(t reflect.Type) (object, error) {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}, nil
	case t.Kind() == reflect.Struct:
		return s.reference(t)
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.schema(t.Elem())
	case reflect.String:
		return object{"type": "string"}, nil
	case reflect.Bool:
		return object{"type": "boolean"}, nil
	case reflect.Int, reflect.Int64:
		return object{"type": "integer", "format": "int64"}, nil
	case reflect.Float64:
		return object{"type": "number", "format": "double"}, nil
	case reflect.Slice:
		items, err := s.schema(t.Elem())
		return object{"type": "array", "items": items}, err
	case reflect.Interface:
		return object{}, nil
	case reflect.Map:
		values, err := s.schema(t.Elem())
		return object{"type": "object", "additionalProperties": values}, err
	default:
		return nil, fmt.Errorf("%s has no schema", t)
	}
}

// reference writes a struct down under its name, the first time, and refers to it.
func (s *schemas) reference(t reflect.Type) (object, error) {
	name := strings.ToUpper(t.Name()[:1]) + t.Name()[1:]
	ref := object{"$ref": "#/components/schemas/" + name}
	switch s.types[name] {
	case t:
		return ref, nil
	case nil:
	default:
		return nil, fmt.Errorf("two types are called %s", name)
	}
	s.types[name] = t
	members, required := object{}, []string{}
	if err := s.members(t, members, &required); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	all := object{"type": "object", "properties": members}
	if len(required) > 0 {
		all["required"] = required
	}
	s.named[name] = all
	return ref, nil
}

// members adds the members of a struct, and those of structs within it that have no name of their own, as encoding/json does.
func (s *schemas) members(t reflect.Type, members object, required *[]string) error {
	for f := range t.Fields() {
		tag, tagged := f.Tag.Lookup("json")
		if !f.IsExported() && !f.Anonymous {
			continue
		}
		if f.Anonymous && !tagged {
			if err := s.members(f.Type, members, required); err != nil {
				return err
			}
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		says := f.Tag.Get("doc")
		if name == "" || says == "" || members[name] != nil {
			return fmt.Errorf("%s: has no json name, no doc tag, or the name of another", f.Name)
		}
		m, err := s.schema(f.Type)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := s.restrict(m, f.Tag.Get("enum")); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if m["$ref"] != nil { // 3.1 allows a description beside it, and half the readers forget one of the two
			m = object{"allOf": []object{m}}
		}
		m["description"] = says
		members[name] = m
		if !strings.HasPrefix(options, "omit") {
			*required = append(*required, name)
		}
	}
	return nil
}

// restrict limits a text to the words of an enum tag.
func (s *schemas) restrict(m object, tag string) error {
	list, named := strings.CutPrefix(tag, "@")
	switch {
	case tag == "":
	case !named:
		m["enum"] = strings.Split(list, ",")
	case s.words[list] == nil:
		return fmt.Errorf("there are no words called %s", list)
	default:
		m["enum"] = s.words[list]
	}
	return nil
}
