package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What the Helm chart knows of this file.
const (
	chartSchemaFile = "../charts/sttgate/values.schema.json"
	chartChecksFile = "../charts/sttgate/templates/_checks.tpl"
)

// The chart has this schema for its value `config`: a key that is misspelt is refused by Helm, and not by a pod that does not
// start. And it knows which keys are secrets: those are given by reference, and in plain text they would lie in a ConfigMap.
// Written with -update (make schema).
func TestTheChartKnowsTheConfig(t *testing.T) {
	var ours, chart object
	must(t, json.Unmarshal(bytes.ReplaceAll(jsonSchema(t), []byte(`"#/$defs/`), []byte(`"#/$defs/config/$defs/`)), &ours))
	delete(ours, "$schema")
	ours = sayOne(ours).(object)
	secrets := secretPaths(ours, "")
	slices.Sort(secrets)

	text, err := os.ReadFile(chartSchemaFile)
	must(t, err)
	must(t, json.Unmarshal(text, &chart))
	defs := chart["$defs"].(object)
	reference := defs["secret"].(object)["properties"].(object)["config"].(object)
	checks, err := os.ReadFile(chartChecksFile)
	must(t, err)
	list := regexp.MustCompile(`(?s)(define "sttgate.secretKeys" -}}\n)(.*?)(\n\{\{- end }})`)

	if *update {
		defs["config"], reference["enum"] = ours, secrets
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		must(t, e.Encode(chart))
		must(t, os.WriteFile(chartSchemaFile, b.Bytes(), 0o600))
		checks = list.ReplaceAll(checks, []byte("${1}"+strings.Join(secrets, "\n")+"${3}"))
		must(t, os.WriteFile(chartChecksFile, checks, 0o600))
		return
	}
	if !reflect.DeepEqual(defs["config"], any(ours)) {
		t.Errorf("%s has another config than we: make schema writes it", chartSchemaFile)
	}
	if got := fmt.Sprint(reference["enum"]); got != fmt.Sprint(secrets) {
		t.Errorf("%s has the secrets %s, and they are %s: make schema writes them", chartSchemaFile, got, secrets)
	}
	if got := strings.Split(string(list.FindSubmatch(checks)[2]), "\n"); !slices.Equal(got, secrets) {
		t.Errorf("%s has the secrets %s, and they are %s: make schema writes them", chartChecksFile, got, secrets)
	}
}

// sayOne turns each choice between a value and a reference into a condition: it takes the same, but says of a value that is wrong what is
// wrong with it, and not in addition what a reference would have to be. Words are left out: Helm says none of them.
func sayOne(schema any) any {
	switch s := schema.(type) {
	case []any:
		for i := range s {
			s[i] = sayOne(s[i])
		}
	case object:
		for k, v := range s {
			_, key := v.(object) // of the config, which may be called so
			if (k == "description" || k == "default") && !key {
				delete(s, k)
				continue
			}
			s[k] = sayOne(v)
		}
		choice, _ := s["anyOf"].([]any)
		if len(choice) != 2 {
			return s
		}
		a, b := choice[0].(object), choice[1].(object)
		if _, fixed := a["const"]; fixed {
			a, b = b, a
		}
		delete(s, "anyOf")
		s["if"], s["else"] = b, a
	}
	return schema
}

// secretPaths are the keys below a schema that are secrets.
func secretPaths(schema object, path string) (out []string) {
	if ref, ok := schema["$ref"].(string); ok && strings.HasSuffix(ref, "/secret") {
		return []string{path}
	}
	properties, _ := schema["properties"].(object)
	for name, p := range properties {
		out = append(out, secretPaths(p.(object), strings.TrimPrefix(path+"."+name, "."))...)
	}
	return out
}
