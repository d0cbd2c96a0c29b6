package admin

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func (g *gateway) Reset(_ context.Context, id string, c StageChange) (before, after State, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.fault(); err != nil {
		return State{}, State{}, err
	}
	before = g.state(id)
	delete(g.states, id)
	return before, State{Stage: "none", Since: now(), Reason: c.Reason, By: c.By}, nil
}

func (g *gateway) Exempt(_ context.Context, id string, on bool, c StageChange) (before, after State, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.fault(); err != nil {
		return State{}, State{}, err
	}
	g.exempted = append(g.exempted, fmt.Sprintf("%s %v until %s", id, on, c.Until.Format(time.RFC3339)))
	return g.state(id), g.state(id), nil
}

func (g *gateway) Resolve(_ context.Context, _, ref string, _ StageChange) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.fault(); err != nil {
		return err
	}
	if ref != "FU-00A1B2C3D4E5" {
		return fmt.Errorf("%w: no violation %s", ErrNotFound, ref)
	}
	return nil
}

func (g *gateway) Case(_ context.Context, ref string) (Case, error) {
	if err := g.fault(); err != nil {
		return Case{}, err
	}
	if ref != "FU-00A1B2C3D4E5" {
		return Case{}, fmt.Errorf("%w: no case %s", ErrNotFound, ref)
	}
	return Case{Ref: ref, At: now(), User: "alice", Cause: "cap", From: "none", To: "warning", Rule: "score 0.90 is at or over the threshold 0.70"}, nil
}

func (g *gateway) Flagged(_ context.Context, stage, cursor string, limit int) ([]FlaggedUser, string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.fault(); err != nil {
		return nil, "", err
	}
	if cursor == "alice" {
		return nil, "", nil
	}
	return []FlaggedUser{{User: "alice", State: State{Stage: "throttle", Since: now().In(time.FixedZone("X", 3600)), Cause: "violation"}, Case: "FU-00A1B2C3D4E5"}},
		strings.Repeat("alice", min(1, 50/limit)), nil
}

func (g *gateway) Explain(_ context.Context, id, plan, vendor string) (Explanation, error) {
	if err := g.fault(); err != nil {
		return Explanation{}, err
	}
	return Explanation{
		User: id, Plan: plan, Provider: vendor, Decision: "deny", Reason: "budget_exhausted", Stage: "restrict",
		Rules: []RuleLine{{"budget", "deepgram-daily", "hit", "30m0s per day is spent; there is some again in 10h0m0s"}}, At: now(),
	}, nil
}

func TestThePolicysCallsAreCheckedAndAudited(t *testing.T) {
	tests := []struct {
		name, method, path, body string
		status                   int
		says                     string // of the answer
		audit                    string // "" for none
	}{
		{"a list", "GET", "users", "", 200, `"case":"FU-00A1B2C3D4E5"`, ""},
		{"its end", "GET", "users?cursor=alice&limit=10", "", 200, `{"users":[]}`, ""},
		{"of a stage", "GET", "users?stage=throttle", "", 200, "alice", ""},
		{"of no stage", "GET", "users?stage=throttled", "", 400, "none, warning, throttle, restrict", ""},
		{"of too many", "GET", "users?limit=1001", "", 400, "1 to 1000", ""},
		{"of none", "GET", "users?limit=0", "", 400, "1 to 1000", ""},
		{"reset", "POST", "users/alice/reset", `{"reason":"ticket 7"}`, 200, `"stage":"none"`, "user.reset"},
		{"reset without a reason", "POST", "users/alice/reset", `{}`, 400, "reason", ""},
		{"reset until", "POST", "users/alice/reset", `{"reason":"r","until":"7d"}`, 400, "not known", ""},
		{"exempt for a week", "PUT", "users/alice/exempt", `{"exempt":true,"reason":"partner","until":"7d"}`, 200, `"user":"alice"`, "user.exempt"},
		{"no longer", "PUT", "users/alice/exempt", `{"exempt":false,"reason":"over"}`, 200, "", "user.exempt"},
		{"exempt by a word", "PUT", "users/alice/exempt", `{"exempt":"yes","reason":"r"}`, 400, "true or false", ""},
		{"resolve", "POST", "users/alice/resolve", `{"case":"FU-00A1B2C3D4E5","reason":"a conference"}`, 200, "", "user.resolve"},
		{"resolve what is not there", "POST", "users/alice/resolve", `{"case":"FU-1","reason":"r"}`, 404, "FU-1", ""},
		{"a bad id", "POST", "users/a%20b/reset", `{"reason":"r"}`, 400, "128", ""},
		{"why", "GET", "users/alice/explain?provider=soniox&plan=pro", "", 200, `"provider":"soniox"`, ""},
		{"why at the first vendor", "GET", "users/alice/explain", "", 200, `"provider":"deepgram"`, ""},
		{"why nowhere", "GET", "users/alice/explain?provider=whisper", "", 400, "deepgram, soniox, speechmatics", ""},
		{"why for a bad plan", "GET", "users/alice/explain?plan=a%20b", "", 400, "plan", ""},
		{"a case", "GET", "cases/FU-00A1B2C3D4E5", "", 200, "threshold", ""},
		{"no case", "GET", "cases/FU-000000000000", "", 404, "no case", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t)
			s.states = map[string]State{"alice": {Stage: "restrict", Since: now()}}
			a := s.do(t, tt.method, "/admin/v1/"+tt.path, tt.body)
			if tt.status != http.StatusOK {
				a.wantProblem(t, tt.status, tt.says)
			} else if a.StatusCode != http.StatusOK || !strings.Contains(a.body, tt.says) {
				t.Fatalf("%s: %s, want %q", a.Status, a.body, tt.says)
			}
			lines := s.log.lines(t, "audit")
			if (len(lines) == 1) != (tt.audit != "") || tt.audit != "" && lines[0]["what"] != tt.audit {
				t.Fatalf("audit %v, want %q", lines, tt.audit)
			}
		})
	}
}

func TestAnExemptionIsForATimeOrForGood(t *testing.T) {
	s := serve(t)
	s.do(t, "PUT", "/admin/v1/users/alice/exempt", `{"reason":"r","until":"7d"}`)
	s.do(t, "PUT", "/admin/v1/users/alice/exempt", `{"reason":"r","exempt":false}`)
	if got := strings.Join(s.exempted, ", "); got != "alice true until 2026-11-30T12:00:00Z, alice false until 0001-01-01T00:00:00Z" {
		t.Fatal(got)
	}
}
