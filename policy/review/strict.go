package review

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// members reads one JSON object with these members, each at most once and spelled exactly so; it passes over others. encoding/json alone would take
// "Stage" for "stage" and the last of two, so that two readers could read two answers. No error shows what stands there.
func members(b []byte, names ...string) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("is no JSON object")
	}
	out := make(map[string]json.RawMessage, len(names))
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, errors.New("is no JSON object")
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, errors.New("is broken JSON")
		}
		if !slices.Contains(names, name) {
			continue
		}
		if _, twice := out[name]; twice {
			return nil, fmt.Errorf("has %s twice", name)
		}
		out[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, errors.New("is broken JSON")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("has something behind its object")
	}
	return out, nil
}

// word is a JSON string.
func word(raw json.RawMessage) (s string, ok bool) {
	return s, len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &s) == nil
}
