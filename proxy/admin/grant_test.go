package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Grant knows one id that stands for something else.
func (g *gateway) Grant(_ context.Context, _ string, q Grant) (Granted, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.fault(); err != nil {
		return Granted{}, err
	}
	switch {
	case q.Budget != "deepgram-daily":
		return Granted{}, fmt.Errorf("%w: budget %q: there is no such budget; budgets per user are deepgram-daily, trial", ErrInvalid, q.Budget)
	case q.ID == "other":
		return Granted{}, ErrReused
	}
	return Granted{
		Done: q.MS, After: q.MS, Repeated: q.ID == "again", Applies: true, At: now(),
		Budget: Budget{Budget: q.Budget, Per: "user", Window: "day", Limit: 1_800_000, Granted: q.MS, Remaining: 1_800_000 + q.MS, Resets: now().Add(12 * time.Hour)},
	}, nil
}

func TestAGrantIsOneAuditLineAndSaysWhatBecameOfIt(t *testing.T) {
	s := serve(t)
	const path, body = "/admin/v1/users/alice/grants", `{"budget":"deepgram-daily","milliseconds":600000,"reason":"ticket 4711"}`
	for i, header := range [][]string{nil, {headerKey, "key 1"}, {headerKey, "again"}} {
		a := s.do(t, http.MethodPost, path, body, header...)
		var got grantAnswer
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.StatusCode != http.StatusOK {
			t.Fatalf("%s %s", a.Status, a.body)
		}
		if got.User != "alice" || got.Done != 600_000 || got.After != 600_000 || got.Budget.Granted != 600_000 || !got.Applies || got.Repeated != (i == 2) {
			t.Errorf("%+v", got)
		}
		if header == nil && len(got.ID) < 20 || header != nil && got.ID != header[1] {
			t.Errorf("id %q", got.ID)
		}
	}
	lines := s.log.lines(t, "audit")
	if len(lines) != 3 {
		t.Fatalf("%d audit lines", len(lines))
	}
	l := lines[1]
	if repeated, ok := l["repeated"].(bool); !ok || repeated {
		t.Errorf("repeated: %v", l["repeated"])
	}
	if l["what"] != "user.grant" || l["user"] != "alice" || l["budget"] != "deepgram-daily" || l["after"] != 600_000.0 || l["before"] != 0.0 ||
		l["id"] != "key 1" || l["why"] != "ticket 4711" {
		t.Errorf("%v", l)
	}
}

func TestAGrantThatIsNotUnderstoodIsRefusedWithTheCure(t *testing.T) {
	s := serve(t)
	const good = `{"budget":"deepgram-daily","milliseconds":600000,"reason":"r"}`
	for name, tt := range map[string]struct {
		path, body, key string
		status          int
		says            string
	}{
		"no budget":        {body: `{"milliseconds":1,"reason":"r"}`, status: 400, says: "budget is missing"},
		"another budget":   {body: `{"budget":"x","milliseconds":1,"reason":"r"}`, status: 400, says: "deepgram-daily, trial"},
		"no amount":        {body: `{"budget":"deepgram-daily","reason":"r"}`, status: 400, says: "milliseconds is missing"},
		"part of one":      {body: `{"budget":"deepgram-daily","milliseconds":0.5,"reason":"r"}`, status: 400, says: "whole number"},
		"a text":           {body: `{"budget":"deepgram-daily","milliseconds":"10m","reason":"r"}`, status: 400, says: "whole number"},
		"more than counts": {body: `{"budget":"deepgram-daily","milliseconds":99999999999999999999,"reason":"r"}`, status: 400, says: "whole number"},
		"no reason":        {body: `{"budget":"deepgram-daily","milliseconds":1}`, status: 400, says: "reason is missing"},
		"no user":          {path: "/admin/v1/users/a%20b/grants", body: good, status: 400, says: "user's id"},
		"too long a key":   {body: good, key: strings.Repeat("k", 129), status: 400, says: headerKey},
		"a key of another": {body: good, key: "other", status: 422, says: "another grant"},
	} {
		t.Run(name, func(t *testing.T) {
			path, header := tt.path, []string{}
			if path == "" {
				path = "/admin/v1/users/alice/grants"
			}
			if tt.key != "" {
				header = []string{headerKey, tt.key}
			}
			if a := s.do(t, http.MethodPost, path, tt.body, header...); a.StatusCode != tt.status || !strings.Contains(a.body, tt.says) {
				t.Errorf("%s %s", a.Status, a.body)
			}
		})
	}
	if n := len(s.log.lines(t, "audit")); n != 0 {
		t.Errorf("%d audit lines of what was refused", n)
	}
}
