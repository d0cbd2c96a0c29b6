package proxy

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/sttgate/sttgate/proxy/provider"
)

// endsOf is how a stream of each vendor is ended for a reason: the error in its dialect, and the close code.
func endsOf(t *testing.T, d provider.Denial) (cells []string) {
	t.Helper()
	for _, path := range []string{"/v1/listen?encoding=linear16&sample_rate=16000", "/transcribe-websocket", "/v2"} {
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Connection", "Upgrade")
		r.Header.Set("Upgrade", "websocket")
		for _, p := range provider.Builtin() {
			route, err := p.Match(r)
			if err != nil {
				continue
			}
			messages, code, _ := p.Open(route).Farewell(d)
			var said struct {
				Deepgram string `json:"err_code"`
				Soniox   int    `json:"error_code"`
				Type     string `json:"error_type"`
				Speech   string `json:"type"`
			}
			if len(messages) != 1 || json.Unmarshal(messages[0].Payload, &said) != nil {
				t.Fatalf("%s: last words %q", p.Name(), messages)
			}
			switch {
			case said.Deepgram != "":
				cells = append(cells, fmt.Sprintf("`%s`, %d", said.Deepgram, code))
			case said.Soniox != 0:
				cells = append(cells, fmt.Sprintf("%d `%s`, %d", said.Soniox, said.Type, code))
			default:
				cells = append(cells, fmt.Sprintf("`%s`, %d", said.Speech, code))
			}
		}
	}
	if len(cells) != len(provider.Builtin()) {
		t.Fatalf("%d vendors of %d have been asked: %q", len(cells), len(provider.Builtin()), cells)
	}
	return cells
}

// TestThePageOfRefusalsHasEveryReasonAsItIsTold holds docs/refusals.md: one row of what clients see for each reason of the closed set, as the
// code tells it, one of what to do, and no reason that there is not.
func TestThePageOfRefusalsHasEveryReasonAsItIsTold(t *testing.T) {
	raw, err := os.ReadFile("../docs/refusals.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(raw)
	for _, r := range provider.Reasons() {
		d := deny(r, "what happened")
		row := fmt.Sprintf("| `%s` | %d | %s |\n", r, d.Status, strings.Join(endsOf(t, *d), " | "))
		if !strings.Contains(page, row) {
			t.Errorf("docs/refusals.md lacks the row\n%s", row)
		}
		if !strings.Contains(page, fmt.Sprintf("\n| [`%s`](#", r)) && !strings.Contains(page, fmt.Sprintf("\n### `%s`\n", r)) {
			t.Errorf("docs/refusals.md does not say what to do about %s", r)
		}
	}
	_, rest, _ := strings.Cut(page, "\n## What to do\n")
	for line := range strings.Lines(rest) {
		if name, ok := strings.CutPrefix(line, "### `"); ok {
			name, _, _ = strings.Cut(name, "`")
			if verdictOf(provider.Reason(name)).title == "Gateway error" {
				t.Errorf("docs/refusals.md tells of %q, which is no reason", name)
			}
		}
	}
}
