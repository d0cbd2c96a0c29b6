package provider

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// exactFields returns the members of a JSON object that decide who pays, and what, as
// they were written. What could be two different objects to two parsers is an
// *Error: text that is no JSON object, a name that stands twice, a second spelling
// of one, an escape in one.
func exactFields(text []byte, names ...string) (map[string][]byte, error) {
	if !utf8.Valid(text) || !json.Valid(text) || text[space(text, 0)] != '{' {
		return nil, bad("what is not one JSON object in UTF-8 is not passed on")
	}
	fields := make(map[string][]byte)
	for o := members(text); o.next(); {
		key := string(o.key)
		if strings.Contains(key, `\`) && json.Unmarshal(text[o.from:o.from+len(o.key)+2], &key) != nil {
			return nil, bad("what is not one JSON object in UTF-8 is not passed on")
		}
		name, ours := lookalike(key, names)
		switch {
		case !ours:
			continue
		case string(o.key) != name:
			return nil, bad("a member that may be read as " + name + " must be written " + name)
		case fields[name] != nil:
			return nil, bad(name + " stands more than once")
		}
		fields[name] = o.val
	}
	return fields, nil
}

// lookalike finds the member that a lenient parser may take a key for: without
// regard to hyphens, underscores and case, with the Kelvin sign and the long s as
// Unicode folds them.
func lookalike(key string, names []string) (name string, ours bool) {
	for _, name := range names {
		if key == name {
			return name, true
		}
	}
	key = strings.ReplaceAll(strings.ReplaceAll(key, "\u212a", "k"), "\u017f", "s")
	skel := skeleton(key)
	for _, name := range names {
		if skel == skeleton(name) {
			return name, true
		}
	}
	return "", false
}

// removeMember returns a JSON object without a member; every other byte stays. text
// is not changed.
func removeMember(text []byte, key string) []byte {
	for o := members(text); o.next(); {
		if string(o.key) == key {
			return cutElement(append([]byte(nil), text...), o.from, o.i)
		}
	}
	return text
}

// setMember returns a JSON object with a member set to a string, in its place or as
// the last one; every other byte stays. text is not changed.
func setMember(text []byte, key, value string) []byte {
	quoted, err := json.Marshal(value)
	if err != nil { // a string: cannot happen
		return text
	}
	return setRaw(text, key, quoted)
}

// setRaw is setMember for a value that is JSON already.
func setRaw(text []byte, key string, value []byte) []byte {
	end, others := space(text, 0)+1, false
	for o := members(text); o.next(); {
		if string(o.key) == key {
			return splice(text, o.at, o.i, value)
		}
		end, others = o.i, true
	}
	member := append([]byte(`"`+key+`":`), value...)
	if others {
		member = append([]byte{','}, member...)
	}
	return splice(text, end, end, member)
}
