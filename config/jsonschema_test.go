package config

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/sttgate/sttgate/policy"
)

const schemaFile = "../docs/config.schema.json"

type object = map[string]any

// words are the keys that take one of a few. TestTheSchemaKnowsTheWords holds them against Load.
func words() map[string][]string {
	return map[string][]string{
		"providers.deepgram.charge":     {"audio", "reported", "connection", "larger"},
		"providers.soniox.charge":       {"audio", "reported", "connection", "larger"},
		"providers.speechmatics.charge": {"audio", "reported", "connection", "larger"},
		"identity.anonymous":            {"refuse", "shared"},
		"ledger.store":                  {"embedded", "redis", "memory"},
		"ledger.redis.layout":           {"native", "fair_use"},
		"ledger.outage.mode":            {"allow", "deny"},
		"budgets[].per":                 {"user", "provider", "all"},
		"budgets[].on_connect":          {"auto", "accept", "refuse"},
		"budgets[].on_exhausted":        {"auto", "drop", "close"},
		"policy.basis":                  {"audio", "words"},
		"policy.source":                 {"own", "http", "redis"},
		"policy.review.classifier.type": {"none", "http", "openai"},
		"policy.review.credits.type":    {"none", "http"},
		"meter.unmeasured":              {"refuse", "vendor"},
		"log.level":                     {"debug", "info", "warn", "error"},
		"log.format":                    {"json", "text"},
	}
}

// jsonSchema describes the file for editors: keys and types from the structs, descriptions from the example's comments.
func jsonSchema(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile(exampleFile)
	must(t, err)
	var doc yaml.Node
	must(t, yaml.Unmarshal(data, &doc))
	says := map[string]string{}
	comments(doc.Content[0], "", says)

	root := described(schema(Default()), "", says)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "sttgate config"
	root["description"] = "The config file of sttgate. Every key has a default; an empty file is a config."
	root["$defs"] = defs()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	must(t, e.Encode(root))
	return b.Bytes()
}

// comments finds what the example says of each key; "as above" is what it says of the same key before.
func comments(y *yaml.Node, path string, says map[string]string) {
	switch y.Kind {
	case yaml.SequenceNode:
		for _, item := range slices.Backward(y.Content) { // the first of a list is the one with the words
			comments(item, path+"[]", says)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(y.Content); i += 2 {
			k, v := y.Content[i], y.Content[i+1]
			at := join(path, k.Value)
			text := strings.TrimSpace(strings.TrimPrefix(firstText(v.LineComment, k.LineComment), "#"))
			if rest, above := strings.CutPrefix(text, "as above"); above {
				text = said(at, says) + rest
			}
			if text != "" {
				says[at] = text
			}
			comments(v, at, says)
		}
	}
}

func firstText(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}

// said is what was said of the same key in a section beside this one.
func said(at string, says map[string]string) string {
	parts := strings.Split(at, ".")
	for i := len(parts) - 2; i >= 0; i-- {
		for _, other := range []string{"deepgram", "soniox", "warning", "throttle"} {
			beside := append([]string{}, parts...)
			if beside[i] == other {
				continue
			}
			beside[i] = other
			if text := says[strings.Join(beside, ".")]; text != "" {
				return text
			}
		}
	}
	return says[at]
}

func described(n *node, path string, says map[string]string) object {
	out := object{}
	if text := says[path]; text != "" {
		out["description"] = text
	}
	switch n.kind {
	case section:
		keys := object{}
		for _, k := range n.keys {
			keys[k.name] = described(k, join(path, k.name), says)
		}
		out["type"], out["properties"], out["additionalProperties"] = []string{"object", "null"}, keys, false
	case list:
		item := described(n.item, path+"[]", says)
		item["type"] = "object"
		out["type"], out["items"] = "array", item
	case table:
		out["type"], out["additionalProperties"] = "object", described(n.item, path+"[]", says)
		out["propertyNames"] = object{"pattern": `^[^\s\[\]]{1,128}$`}
	case text:
		out["$ref"] = "#/$defs/text"
		if w := words()[path]; w != nil {
			delete(out, "$ref")
			out["anyOf"] = []object{{"enum": w}, {"$ref": "#/$defs/reference"}}
		}
	default:
		out["$ref"] = "#/$defs/" + defName(n.kind)
	}
	if !strings.Contains(path, "[]") && n.kind != section && n.kind != list && n.kind != table && n.kind != hidden {
		out["default"] = plainly(n, nil)
	}
	return out
}

func defName(k kind) string {
	return map[kind]string{
		boolean: "boolean", integer: "integer", number: "number", size: "size", duration: "duration", hidden: "secret", texts: "texts", stages: "stages", ranges: "ranges",
	}[k]
}

func defs() object {
	reference := object{"type": "string", "pattern": "^(env|file):.", "description": "env:NAME is read from that variable, file:PATH from that file"}
	or := func(o object, says string) object {
		return object{"description": says, "anyOf": []object{o, {"$ref": "#/$defs/reference"}}}
	}
	items := func(o object) object { return object{"type": "array", "items": o} }
	return object{
		"reference": reference,
		"text":      object{"type": "string"},
		"secret":    object{"type": "string", "not": object{"const": mask}, "description": "a secret, best as env:NAME or file:PATH"},
		"boolean":   or(object{"type": "boolean"}, "true or false"),
		"integer":   or(object{"type": "integer"}, "a whole number"),
		"number":    or(object{"type": "number"}, "a number such as 0.7"),
		"size":      or(object{"type": []string{"string", "integer"}, "pattern": "^[0-9]+(B|KiB|MiB|GiB)?$", "minimum": 0}, "a size such as 512KiB or 1MiB"),
		"duration": or(object{"anyOf": []object{
			{"const": 0}, {"type": "string", "pattern": `^-?(0|([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h|d)(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h))*)$`},
		}}, "a duration such as 250ms, 30m or 7d"),
		"texts":  or(items(object{"type": "string"}), "a list such as [a, b]"),
		"stages": or(items(object{"enum": policy.Stages()}), "a list of stages"),
		"ranges": or(items(object{"type": "string", "pattern": "/[0-9]+$"}), "a list of address ranges such as [10.0.0.0/8]"),
	}
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(jsonSchema(t)))
	must(t, err)
	c := jsonschema.NewCompiler()
	must(t, c.AddResource("config.schema.json", doc))
	s, err := c.Compile("config.schema.json")
	must(t, err)
	return s
}

// accepts says what the schema has against a file; an editor sees YAML as this does.
func accepts(t *testing.T, s *jsonschema.Schema, data []byte) error {
	t.Helper()
	var v any
	must(t, yaml.Unmarshal(data, &v))
	if v == nil {
		return nil
	}
	b, err := json.Marshal(v)
	must(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	must(t, err)
	return s.Validate(doc)
}

// TestTheSchemaFileIsCurrent writes it with -update (make schema).
func TestTheSchemaFileIsCurrent(t *testing.T) {
	got := jsonSchema(t)
	if *update {
		must(t, os.WriteFile(schemaFile, got, 0o600))
	}
	want, err := os.ReadFile(schemaFile)
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Error("docs/config.schema.json is not that of the structs and the example: make schema writes it")
	}
	var missing []string
	says := map[string]string{}
	var doc yaml.Node
	data, err := os.ReadFile(exampleFile)
	must(t, err)
	must(t, yaml.Unmarshal(data, &doc))
	comments(doc.Content[0], "", says)
	for _, key := range leafPaths() {
		if says[key] == "" && key != "budgets" && key != "policy.caps" {
			missing = append(missing, key)
		}
	}
	if missing != nil {
		t.Errorf("no description of %v", missing)
	}
}

func TestWorkingFilesPassTheSchema(t *testing.T) {
	s := compiled(t)
	for _, path := range append(cases(t, "working_*.yaml"), exampleFile) {
		data, err := os.ReadFile(path)
		must(t, err)
		if err := accepts(t, s, data); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestBrokenFilesDoNotPassTheSchema(t *testing.T) {
	s := compiled(t)
	for name, text := range map[string]string{
		"an unknown key":               "limits: {steams: 5}",
		"an unknown section":           "limit: {streams: 5}",
		"an unknown key in a list":     "budgets: [{name: a, limt: 1h}]",
		"an unknown vendor":            "providers: {acme: {url: https://x}}",
		"text for a number":            "limits: {streams: many}",
		"a number in quotes":           `limits: {streams: "5"}`,
		"text for a truth":             `policy: {enabled: "true"}`,
		"a duration without a unit":    "limits: {idle_timeout: 60}",
		"a duration of another world":  "limits: {idle_timeout: 1 minute}",
		"a size in decimal units":      "limits: {message_bytes: 1MB}",
		"a word that is not one":       "ledger: {store: postgres}",
		"a level that is not one":      "log: {level: loud}",
		"a stage that is not one":      "budgets: [{name: a, limit: 1h, stages: [angry]}]",
		"an address that is no range":  "identity: {trusted_peers: [10.0.0.1]}",
		"a secret that was copied":     `admin: {token: "***"}`,
		"a list for a section":         "limits: []",
		"a section for a list":         "budgets: {}",
		"a plan's unknown key":         "policy: {plans: {pro: {cap: []}}}",
		"a stage of another name":      "policy: {stages: {angry: {decay: 1h}}}",
		"a model that is no text":      "policy: {stages: {throttle: {actions: {model: {nova-3: 2}}}}}",
		"several values for one":       "listen: [a, b]",
		"a value that was left out":    "listen:",
		"a key of a section elsewhere": "policy: {review: {classifier: {limit: 1h}}}",
	} {
		if err := accepts(t, s, []byte(text)); err == nil {
			t.Errorf("%s passes the schema: %s", name, text)
		}
		if _, _, err := load("x.yaml", []byte(text), nil); err == nil {
			t.Errorf("%s loads: %s", name, text)
		}
	}
	for _, name := range []string{"busted_unknown", "busted_types", "busted_duplicate"} {
		data, err := os.ReadFile(filepath.Join("testdata", name+".yaml"))
		must(t, err)
		var v any
		if yaml.Unmarshal(data, &v) == nil && accepts(t, s, data) == nil {
			t.Errorf("%s passes the schema", name)
		}
	}
}

// TestTheSchemaKnowsTheWords: a word that Load takes must not be red in an editor, nor the other way round.
func TestTheSchemaKnowsTheWords(t *testing.T) {
	for key, all := range words() {
		if strings.Contains(key, "[") {
			continue // the packages' own tests have those of lists
		}
		for _, w := range append([]string{"nonsense"}, all...) {
			env := EnvName(key) + "=" + w
			_, _, err := load("", nil, []string{env})
			refused := err != nil && (strings.Contains(err.Error(), strconv.Quote(w)+" is not known") || strings.Contains(err.Error(), strconv.Quote(w)+": use "))
			if refused != (w == "nonsense") {
				t.Errorf("%s: %v", env, err)
			}
		}
	}
}
