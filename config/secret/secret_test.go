package secret_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"go.yaml.in/yaml/v3"

	"github.com/sttgate/sttgate/config/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const content = "CANARY-content"

type holder struct {
	Key  secret.Value
	List []secret.Value
	Map  map[string]secret.Value
	Ptr  *secret.Value
	own  secret.Value
}

func TestNoWayOfPrintingShowsTheContent(t *testing.T) {
	v := secret.New(content)
	h := holder{Key: v, List: []secret.Value{v}, Map: map[string]secret.Value{"a": v}, Ptr: &v, own: v}
	out := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		out["value "+verb] = fmt.Sprintf(verb, v)
		out["pointer "+verb] = fmt.Sprintf(verb, &v)
		out["holder "+verb] = fmt.Sprintf(verb, h)
		out["wrapped "+verb] = fmt.Errorf("bad key "+verb, v).Error()
	}
	for name, marshal := range map[string]func(any) ([]byte, error){"json": json.Marshal, "yaml": yaml.Marshal} {
		b, err := marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = string(b)
	}
	b, err := xml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out["xml"] = string(b)
	var log bytes.Buffer
	for name, handler := range map[string]slog.Handler{"slog json": slog.NewJSONHandler(&log, nil), "slog text": slog.NewTextHandler(&log, nil)} {
		log.Reset()
		slog.New(handler).Info("x", slog.Any("v", v), slog.Any("p", &v), slog.Any("h", h), slog.Group("g", slog.Any("v", v)))
		out[name] = log.String()
	}
	for how, s := range out {
		if strings.Contains(s, content) || strings.Contains(s, fmt.Sprintf("%x", content)) {
			t.Errorf("%s shows it: %s", how, s)
		}
	}
	if v.Reveal() != content {
		t.Errorf("revealed %q", v.Reveal())
	}
}

func TestAnEmptySecretPrintsEmptyAndEqualsNothing(t *testing.T) {
	var v secret.Value
	if v.String() != "" || !v.Empty() || secret.New("x").Empty() {
		t.Error("empty is not told from set")
	}
	if v.Equal("") {
		t.Error("a missing token is matched by a missing header")
	}
	for s, want := range map[string]bool{content: true, content + "x": false, content[:5]: false, "": false, "***": false} {
		if got := secret.New(content).Equal(s); got != want {
			t.Errorf("equal to %q: %v", s, got)
		}
	}
}

func TestTheLengthIsNotTold(t *testing.T) {
	if secret.New("a").String() != secret.New(content).String() {
		t.Error("two secrets print differently")
	}
}

func TestTextIsTakenAsItStands(t *testing.T) {
	var h holder
	if err := json.Unmarshal([]byte(`{"Key":" a b "}`), &h); err != nil || h.Key.Reveal() != " a b " {
		t.Errorf("read %q, %v", h.Key.Reveal(), err)
	}
}
