package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxBody bounds a request's body. The largest is a reason in a few words.
const maxBody = 16 << 10

// readBody decodes one flat JSON object into the struct that into points to, whose members are texts, truths and whole
// numbers with names in json tags: the same struct that the call's description names. It is strict: an unknown
// member may be a misspelt one, two of the same name may be read differently by whoever checks the request before us, and
// encoding/json takes "Until" for "until" and forgets all but the last.
func readBody(w http.ResponseWriter, r *http.Request, into any) error {
	members := map[string]reflect.Value{}
	membersOf(reflect.ValueOf(into).Elem(), members)
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
	d.UseNumber()
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

// membersOf finds a struct's members by name, those of structs within it with them.
func membersOf(v reflect.Value, members map[string]reflect.Value) {
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.Anonymous {
			membersOf(v.Field(i), members)
		} else {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			members[name] = v.Field(i)
		}
	}
}

// member reads one name and its value.
func member(d *json.Decoder, members map[string]reflect.Value, seen map[string]bool) error {
	t, err := d.Token()
	name, ok := t.(string)
	if err != nil || !ok {
		return bad("the body is not JSON")
	}
	into, known := members[name]
	switch {
	case !known:
		return bad("the body has a member that is not known here; known are " + strings.Join(slices.Sorted(maps.Keys(members)), ", "))
	case seen[name]:
		return bad("the body has " + name + " twice")
	}
	seen[name] = true
	if t, err = d.Token(); err != nil {
		return bad("the body is not JSON")
	}
	switch into.Kind() {
	case reflect.Bool:
		b, ok := t.(bool)
		if !ok {
			return bad(name + " must be true or false")
		}
		into.SetBool(b)
	case reflect.Int64:
		n, _ := t.(json.Number)
		i, err := strconv.ParseInt(n.String(), 10, 64)
		if err != nil {
			return bad(name + " must be a whole number")
		}
		into.SetInt(i)
	default:
		s, ok := t.(string)
		if !ok {
			return bad(name + " must be text")
		}
		into.SetString(s)
	}
	return nil
}
