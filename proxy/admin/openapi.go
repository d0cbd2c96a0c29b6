package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// apiVersion is that of the document: of the calls, not of the program that answers them.
const apiVersion = "1.0.0"

const apiSays = `The operator's side of a gateway: probes, metrics, and an API to look at users and streams and to change them.

Below /admin/v1/ a bearer token is needed: admin.token for everything, admin.read_token for what changes nothing. Where neither is set, the
listener is on loopback and everybody on the machine is an operator. Every GET takes HEAD, too. Times are RFC 3339 in UTC, amounts of audio are
milliseconds. An error is a problem as RFC 9457 has it. An answer may get members that are not named here: ignore what you do not know.`

// document is what /openapi.json answers: OpenAPI 3.1, made of the calls' own descriptions.
func document(calls []call, words map[string][]string) ([]byte, error) {
	s := newSchemas(words)
	paths := object{}
	for _, c := range calls {
		op, err := c.operation(s)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", c.method, c.path, err)
		}
		item, ok := paths[c.path].(object)
		if !ok {
			item = object{}
			paths[c.path] = item
		}
		item[strings.ToLower(c.method)] = op
	}
	if _, err := s.of(problem{}); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(object{
		"openapi": "3.1.0",
		"info": object{
			"title": "sttgate admin API", "version": apiVersion, "description": apiSays,
			"license": object{"name": "Apache 2.0", "identifier": "Apache-2.0"},
		},
		"servers": []object{{"url": "/"}},
		"paths":   paths,
		"components": object{
			"schemas":   s.named,
			"responses": object{"Problem": object{"description": "What went wrong, and what to do.", "content": content("application/problem+json", refer("schemas/Problem"))}},
			"securitySchemes": object{
				"token": object{"type": "http", "scheme": "bearer", "description": "The value of admin.token (roles read and write) or of admin.read_token (role read)."},
			},
		},
	})
	return b.Bytes(), err
}

// operation is a call in the document.
func (c call) operation(s *schemas) (object, error) {
	answers, err := c.responses(s)
	if err != nil {
		return nil, err
	}
	op := object{"operationId": c.about.name, "tags": []string{c.about.tag}, "summary": c.about.says, "responses": answers}
	if c.about.more != "" {
		op["description"] = c.about.more
	}
	switch c.role() {
	case anybody:
		op["security"] = []object{}
	case reader:
		op["security"] = []object{{"token": []string{"read"}}}
	case writer:
		op["security"] = []object{{"token": []string{"write"}}}
	}
	if ps := c.parameters(); len(ps) > 0 {
		op["parameters"] = ps
	}
	if c.about.takes != "" {
		op["requestBody"] = object{"required": true, "content": content(c.about.takes, object{"type": "string"})}
	}
	if c.about.body != nil {
		schema, err := s.of(c.about.body)
		if err != nil {
			return nil, err
		}
		op["requestBody"] = object{"required": true, "content": content("application/json", schema)}
	}
	return op, nil
}

func (c call) parameters() (all []object) {
	if c.about.id != "" {
		all = append(all, object{"name": "id", "in": "path", "required": true, "description": c.about.id, "schema": object{"type": "string"}})
	}
	for _, p := range c.about.query {
		all = append(all, object{"name": p.name, "in": "query", "description": p.says, "schema": p.kind})
	}
	for _, p := range c.about.headers {
		all = append(all, object{"name": p.name, "in": "header", "description": p.says, "schema": p.kind})
	}
	return all
}

func (c call) responses(s *schemas) (object, error) {
	all := object{}
	for _, a := range c.about.answers {
		of := object{}
		for _, kind := range a.kinds {
			of[kind] = object{"schema": object{"type": "string"}}
		}
		if a.of != nil {
			schema, err := s.of(a.of)
			if err != nil {
				return nil, err
			}
			of = content("application/json", schema)
		}
		all[strconv.Itoa(a.status)] = object{"description": a.says, "content": of}
	}
	for _, status := range c.statuses() {
		all[strconv.Itoa(status)] = refer("responses/Problem")
	}
	return all, nil
}

func content(media string, schema object) object { return object{media: object{"schema": schema}} }

func refer(to string) object { return object{"$ref": "#/components/" + to} }

func (h *Handler) openapi(w http.ResponseWriter, _ *http.Request, _ string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(h.document) // the client may be gone; there is nobody left to tell
}
