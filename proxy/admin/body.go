package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxBody bounds a request's body. The largest is a reason in a few words.
const maxBody = 16 << 10

// readBody decodes one flat JSON object into members, by name: texts (*string) and truths (*bool). It
// is strict: an unknown member may be a misspelt one, two of the same name may be
// read differently by whoever checks the request before us, and encoding/json takes
// "Until" for "until" and forgets all but the last.
func readBody(w http.ResponseWriter, r *http.Request, members map[string]any) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &big):
		return problem{Status: http.StatusRequestEntityTooLarge, Detail: fmt.Sprintf("the body is larger than %d bytes", maxBody)}
	case err != nil:
		return bad("the body could not be read")
	case !utf8.Valid(body):
		return bad("the body is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return bad("the body must be a JSON object")
	}
	seen := map[string]bool{}
	for d.More() {
		if err := member(d, members, seen); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil { // the closing brace
		return bad("the body is not JSON: it ends too early or a comma is missing")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return bad("the body goes on after the JSON object")
	}
	return nil
}

// member reads one name and its value.
func member(d *json.Decoder, members map[string]any, seen map[string]bool) error {
	t, err := d.Token()
	name, ok := t.(string)
	if err != nil || !ok {
		return bad("the body is not JSON")
	}
	into := members[name]
	switch {
	case into == nil:
		return bad("the body has a member that is not known here; known are " + strings.Join(slices.Sorted(maps.Keys(members)), ", "))
	case seen[name]:
		return bad("the body has " + name + " twice")
	}
	seen[name] = true
	if t, err = d.Token(); err != nil {
		return bad("the body is not JSON")
	}
	switch into := into.(type) {
	case *string:
		if *into, ok = t.(string); !ok {
			return bad(name + " must be text")
		}
	case *bool:
		if *into, ok = t.(bool); !ok {
			return bad(name + " must be true or false")
		}
	}
	return nil
}
