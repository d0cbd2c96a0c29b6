package config

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sttgate/sttgate/config/secret"
)

func mustLoad(t *testing.T, text string, environ ...string) (Config, Sources) {
	t.Helper()
	c, s, err := load("gate.yaml", []byte(text), environ)
	if err != nil {
		t.Fatal(err)
	}
	return c, s
}

func TestADiffSaysWhatChangedAndNoSecret(t *testing.T) {
	for _, tt := range []struct {
		name, from, to string
		environ        []string
		want           []string
	}{
		{"nothing", "limits: {streams: 5}", "limits: {streams: 5} # as it was", nil, nil},
		{"a value", "limits: {streams: 5}", "limits: {idle_timeout: 90s}", nil, []string{"limits.streams: 5 -> 10000", "limits.idle_timeout: 1m -> 1m30s"}},
		{"text that is empty", "identity: {header: X-A}", `identity: {header: ""}`, nil, []string{`identity.header: X-A -> ""`}},
		{"a list of words", "policy: {exempt_users: [ann]}", "policy: {exempt_users: [ann, bob]}", nil, []string{"policy.exempt_users: [ann] -> [ann, bob]"}},
		{
			"a budget by its name, wherever it stands",
			"budgets: [{name: a, limit: 1h}, {name: b, limit: 2h}]", "budgets: [{name: b, limit: 3h}, {name: a, limit: 1h}]", nil,
			[]string{"budgets[b].limit: 2h -> 3h"},
		},
		{
			"a budget that goes and one that comes",
			"budgets: [{name: a, limit: 1h}]", "budgets: [{name: b, limit: 2h, shadow: true}]", nil,
			[]string{
				"budgets[a]: {name: a, providers: [], plans: [], stages: [], per: user, window: day, limit: 1h, on_connect: auto, on_exhausted: auto, shadow: false} -> (none)",
				"budgets[b]: (none) -> {name: b, providers: [], plans: [], stages: [], per: user, window: day, limit: 2h, on_connect: auto, on_exhausted: auto, shadow: true}",
			},
		},
		{
			"a plan's cap", "policy: {plans: {pro: {caps: [{name: d, window: 24h, limit: 1h}]}}}", "policy: {plans: {pro: {caps: [{name: d, window: 24h, limit: 2h}, {name: e, window: 48h, limit: 3h}]}}}", nil,
			[]string{"policy.plans[pro].caps[d].limit: 1h -> 2h", "policy.plans[pro].caps[e]: (none) -> {name: e, window: 48h, limit: 3h}"},
		},
		{"a model", "policy: {stages: {throttle: {actions: {model: {nova-3: nova-2}}}}}", `policy: {stages: {throttle: {actions: {model: {nova-3: base, "*": base}}}}}`, nil, []string{
			"policy.stages.throttle.actions.model[nova-3]: nova-2 -> base", "policy.stages.throttle.actions.model[*]: (none) -> base",
		}},
		{"a secret", "providers: {deepgram: {key: CANARYone}}", "providers: {deepgram: {key: CANARYtwo}}", nil, []string{"providers.deepgram.key: *** -> ***"}},
		{"a secret that goes", "providers: {deepgram: {key: CANARYone}}", "", nil, []string{`providers.deepgram.key: *** -> ""`}},
		{"what came through a reference", "", "identity: {header: env:NAME}", []string{"NAME=CANARY-header"}, []string{`identity.header: X-Sttgate-User -> ***`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, from := mustLoad(t, tt.from)
			b, to := mustLoad(t, tt.to, tt.environ...)
			var got []string
			for _, c := range Diff(a, b, from, to) {
				got = append(got, c.String())
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
			if strings.Contains(fmt.Sprint(got), canary) {
				t.Error("a secret is shown")
			}
			if same := a.Hash() == b.Hash(); same != (len(got) == 0 || tt.name == "a secret") && tt.name != "a budget by its name, wherever it stands" {
				t.Errorf("the hashes are the same: %v", same)
			}
		})
	}
}

// TestRestartOnlyKeysAreThose changes every key by itself: what stays is what only a start can change.
func TestRestartOnlyKeysAreThose(t *testing.T) {
	var hot, cold []string
	for _, key := range leafPaths() {
		old, c := Default(), Default()
		mutate(t, &c, key)
		kept := c.Keeping(old)
		if len(Diff(old, kept, nil, nil)) > 0 {
			hot = append(hot, key)
		} else {
			cold = append(cold, key)
		}
	}
	if len(hot) < 60 {
		t.Errorf("only %d keys follow", len(hot))
	}
	golden(t, "testdata/restart_only.yaml", []byte(strings.Join(cold, "\n")+"\n"))
	docs := documented(t)
	for _, key := range hot {
		if one := covers(docs, key); one != "" {
			t.Errorf("docs/tuning.md says that %s needs a restart (%s)", key, one)
		}
	}
	for _, key := range cold {
		if covers(docs, key) == "" {
			t.Errorf("docs/tuning.md does not say that %s needs a restart", key)
		}
	}
}

// documented are the keys that need a restart, as operators read it.
func documented(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile("../docs/tuning.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), "<!-- restart-only -->")
	listed, _, ok := strings.Cut(rest, "<!-- /restart-only -->")
	if !ok {
		t.Fatal("docs/tuning.md has no list of what needs a restart")
	}
	return strings.Fields(strings.ReplaceAll(listed, "`", ""))
}

func covers(docs []string, key string) string {
	for _, d := range docs {
		pattern := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(d), "X", "[a-z]+") + `(\.|$)`)
		if pattern.MatchString(key) {
			return d
		}
	}
	return ""
}

func leafPaths() (out []string) {
	schema(Default()).leaves(func(n *node) {
		if !strings.Contains(n.path, "[") {
			out = append(out, n.path)
		}
	})
	return out
}

// mutate makes a key's value another one, whether or not that makes sense.
func mutate(t *testing.T, c *Config, key string) {
	t.Helper()
	if !mutateAt(reflect.ValueOf(c).Elem(), strings.Split(key, ".")) {
		t.Fatalf("%s was not found", key)
	}
}

func mutateAt(v reflect.Value, path []string) bool {
	if len(path) == 0 {
		return another(v)
	}
	if v.Kind() == reflect.Map {
		k := reflect.ValueOf(path[0]).Convert(v.Type().Key())
		item := reflect.New(v.Type().Elem()).Elem()
		item.Set(v.MapIndex(k))
		ok := mutateAt(item, path[1:])
		v.SetMapIndex(k, item)
		return ok
	}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		switch {
		case f.Tag.Get("mapstructure") == "-":
		case f.Tag.Get("mapstructure") == ",squash":
			if mutateAt(v.Field(i), path) {
				return true
			}
		case f.IsExported() && snake(f.Name) == path[0]:
			return mutateAt(v.Field(i), path[1:])
		}
	}
	return false
}

func another(v reflect.Value) bool {
	switch x := v.Addr().Interface().(type) {
	case *string:
		*x += "x"
	case *bool:
		*x = !*x
	case *int:
		*x++
	case *int64:
		*x++
	case *float64:
		*x++
	case *time.Duration:
		*x += time.Minute
	case *secret.Value:
		*x = secret.New(x.Reveal() + "x")
	default:
		switch v.Kind() {
		case reflect.Slice:
			v.Set(reflect.Append(v, reflect.New(v.Type().Elem()).Elem()))
		case reflect.Map:
			m := reflect.MakeMap(v.Type())
			m.SetMapIndex(reflect.ValueOf("x"), reflect.New(v.Type().Elem()).Elem())
			v.Set(m)
		default:
			return false
		}
	}
	return true
}
