package admin

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestStageBodyIsReadStrictly(t *testing.T) {
	long := strings.Repeat("x", 501)
	tests := []struct {
		name, body string
		status     int
		says       string
	}{
		{"whole", `{"stage":"restrict","reason":"r"}`, 200, ""},
		{"any order and blanks", " {\n\"reason\" : \"r\", \"stage\": \"warning\"} \n", 200, ""},
		{"empty until is for good", `{"stage":"restrict","reason":"r","until":""}`, 200, ""},
		{"nothing", ``, 400, "object"},
		{"null", `null`, 400, "object"},
		{"a list", `[]`, 400, "object"},
		{"empty object", `{}`, 400, "stage"},
		{"unknown member", `{"stage":"restrict","reason":"r","untils":"7d"}`, 400, "reason, stage, until"},
		{"member in another case", `{"Stage":"restrict","reason":"r"}`, 400, "not known"},
		{"stage twice", `{"stage":"none","stage":"restrict","reason":"r"}`, 400, "stage twice"},
		{"stage twice, once escaped", `{"stage":"none","st\u0061ge":"restrict","reason":"r"}`, 400, "stage twice"},
		{"a number", `{"stage":3,"reason":"r"}`, 400, "stage must be text"},
		{"null member", `{"stage":"none","reason":null}`, 400, "reason must be text"},
		{"an object within", `{"stage":{"stage":"none"},"reason":"r"}`, 400, "stage must be text"},
		{"trailing object", `{"stage":"none","reason":"r"}{}`, 400, "goes on"},
		{"trailing word", `{"stage":"none","reason":"r"} x`, 400, "goes on"},
		{"trailing comma", `{"stage":"none","reason":"r",}`, 400, "JSON"},
		{"missing comma", `{"stage":"none" "reason":"r"}`, 400, "JSON"},
		{"cut off", `{"stage":"none","reason":"r"`, 400, "JSON"},
		{"cut off in a string", `{"stage":"none","reason":"r`, 400, "JSON"},
		{"not UTF-8", "{\"stage\":\"none\",\"reason\":\"\xff\"}", 400, "UTF-8"},
		{"too large", `{"stage":"none","reason":"` + strings.Repeat("x", 17<<10) + `"}`, 413, "larger"},
		{"unknown stage", `{"stage":"restricted","reason":"r"}`, 400, "none, warning, throttle, restrict"},
		{"stage in another case", `{"stage":"Restrict","reason":"r"}`, 400, "stage must be"},
		{"no reason", `{"stage":"restrict"}`, 400, "reason"},
		{"blank reason", `{"stage":"restrict","reason":"  "}`, 400, "reason"},
		{"long reason", `{"stage":"restrict","reason":"` + long + `"}`, 400, "500"},
		{"reason of two lines", `{"stage":"restrict","reason":"a\nb"}`, 400, "one line"},
		{"until in the past", `{"stage":"restrict","reason":"r","until":"2026-11-23T11:59:59Z"}`, 400, "passed"},
		{"until now", `{"stage":"restrict","reason":"r","until":"2026-11-23T12:00:00Z"}`, 400, "passed"},
		{"until in a century", `{"stage":"restrict","reason":"r","until":"2126-01-01T00:00:00Z"}`, 400, "ten years"},
		{"until without zone", `{"stage":"restrict","reason":"r","until":"2027-01-01T00:00:00"}`, 400, "duration"},
		{"until a word", `{"stage":"restrict","reason":"r","until":"tomorrow"}`, 400, "duration"},
		{"until backwards", `{"stage":"restrict","reason":"r","until":"-7d"}`, 400, "duration"},
		{"until backwards in hours", `{"stage":"restrict","reason":"r","until":"-7h"}`, 400, "duration"},
		{"until at once", `{"stage":"restrict","reason":"r","until":"0d"}`, 400, "second"},
		{"until beyond numbers", `{"stage":"restrict","reason":"r","until":"99999999999d"}`, 400, "duration"},
		{"until beyond ten years", `{"stage":"restrict","reason":"r","until":"65535d"}`, 400, "ten years"},
		{"until without unit", `{"stage":"restrict","reason":"r","until":"7"}`, 400, "duration"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t)
			a := s.do(t, "PUT", "/admin/v1/users/alice/stage", tt.body)
			if tt.status == 200 {
				if a.StatusCode != http.StatusOK {
					t.Fatalf("got %s: %s", a.Status, a.body)
				}
				return
			}
			a.wantProblem(t, tt.status, tt.says)
			if len(s.states) > 0 || len(s.log.lines(t, "audit")) > 0 {
				t.Error("something was changed")
			}
		})
	}
}

func TestUntilIsATimeOrADuration(t *testing.T) {
	for in, want := range map[string]time.Time{
		"7d":                        now().Add(7 * 24 * time.Hour),
		"1d12h":                     now().Add(36 * time.Hour),
		"90m":                       now().Add(90 * time.Minute),
		"2026-12-24T18:00:00+01:00": time.Date(2026, 12, 24, 17, 0, 0, 0, time.UTC),
		"":                          {},
	} {
		s := serve(t)
		s.do(t, "PUT", "/admin/v1/users/alice/stage", `{"stage":"restrict","reason":"r","until":"`+in+`"}`)
		if got := s.state("alice").Until; !got.Equal(want) {
			t.Errorf("%q: until %v, want %v", in, got, want)
		}
	}
}

func TestUserIDsAreChecked(t *testing.T) {
	bad := []string{
		"", "a%20b", "a%2Fb", "%00", "%7Balice%7D", "a%0Ab", "%D0%B0lice", "a,b", "a+b", "%2525", "%FF", strings.Repeat("a", 129),
	}
	for _, id := range bad {
		s := serve(t)
		for method, path := range map[string]string{"GET": "", "PUT": "/stage"} {
			a := s.do(t, method, "/admin/v1/users/"+id+path, `{"stage":"none","reason":"r"}`)
			a.wantProblem(t, http.StatusBadRequest, "128")
		}
	}
	for _, id := range []string{"a", "..", ".", "%2E%2E", "a:b@c.d_e-f", strings.Repeat("a", 128)} {
		if a := serve(t).do(t, "GET", "/admin/v1/users/"+id, ""); a.StatusCode != http.StatusOK {
			t.Errorf("%q: %s", id, a.Status)
		}
	}
	s := serve(t)
	s.do(t, "DELETE", "/admin/v1/streams/a%20b", "").wantProblem(t, 400, "stream's id")
	s.do(t, "POST", "/admin/v1/tokens", `{"user":"a b"}`).wantProblem(t, 400, "user")
}

func TestConflictIsTriedAgainAndGivenUpAtLast(t *testing.T) {
	const body = `{"stage":"restrict","reason":"r"}`
	s := serve(t)
	s.errs = []error{ErrConflict, fmt.Errorf("wrapped: %w", ErrConflict), ErrConflict, ErrConflict}
	if a := s.do(t, "PUT", "/admin/v1/users/alice/stage", body); a.StatusCode != http.StatusOK || s.state("alice").Stage != "restrict" {
		t.Errorf("after 4 conflicts: %s", a.Status)
	}
	if n := len(s.log.lines(t, "audit")); n != 1 {
		t.Errorf("%d audit lines for one change", n)
	}
	s.errs = []error{ErrConflict, ErrConflict, ErrConflict, ErrConflict, ErrConflict}
	s.do(t, "PUT", "/admin/v1/users/alice/stage", body).wantProblem(t, http.StatusConflict, "retry")
}

func TestFaultsInsideAreLoggedOnceAndNotShown(t *testing.T) {
	tests := []struct {
		err    error
		status int
	}{
		{errInside, 500},
		{fmt.Errorf("%w: %w", ErrUnavailable, errInside), 503},
		{fmt.Errorf("%w: that cannot be", ErrInvalid), 400},
	}
	for _, tt := range tests {
		for call, body := range map[string]string{
			"GET /admin/v1/users/alice": "", "PUT /admin/v1/users/alice/stage": `{"stage":"none","reason":"r"}`, "POST /admin/v1/tokens": `{"user":"alice"}`,
		} {
			s := serve(t)
			s.errs = []error{tt.err}
			method, path, _ := strings.Cut(call, " ")
			a := s.do(t, method, path, body)
			a.wantProblem(t, tt.status, "")
			if strings.Contains(a.body, "10.1.2.3") {
				t.Errorf("%s shows the inside: %s", call, a.body)
			}
			lines := s.log.lines(t, "admin request failed")
			if want := tt.status != 400; (len(lines) == 1) != want || (errors.Is(tt.err, errInside) && !strings.Contains(s.log.String(), "10.1.2.3")) {
				t.Errorf("%s with %v: %d lines: %s", call, tt.err, len(lines), s.log)
			}
			if len(s.log.lines(t, "audit")) > 0 {
				t.Errorf("%s failed and was audited", call)
			}
		}
	}
}

func TestEveryWriteIsOneAuditLine(t *testing.T) {
	tests := []struct {
		call, body string
		want       map[string]string // rendered with %v
	}{
		{"PUT /admin/v1/users/alice/stage", `{"stage":"restrict","reason":"too much","until":"7d"}`, map[string]string{
			"what": "user.stage", "user": "alice", "before": "map[stage:none]",
			"after": "map[reason:too much stage:restrict until:2026-11-30T12:00:00Z]", "why": "too much",
		}},
		{"DELETE /admin/v1/streams/s-1", "", map[string]string{
			"what": "stream.end", "user": "alice", "stream": "s-1", "before": "running", "after": "ending", "why": "asked by the operator",
		}},
		{"POST /admin/v1/drain", "", map[string]string{"what": "drain", "before": "false", "after": "true", "why": "asked by the operator"}},
		{"POST /admin/v1/tokens", `{"user":"alice","plan":"pro","ttl":"1h"}`, map[string]string{
			"what": "token.mint", "user": "alice", "before": "none", "after": "map[expires:2026-11-23T13:00:00Z plan:pro]", "why": "asked by the operator",
		}},
	}
	for _, tt := range tests {
		for _, who := range []struct {
			want string
			opts []option
		}{{"token:bb7d548f5b85", nil}, {"loopback", []option{open}}} {
			t.Run(tt.call+" by "+who.want, func(t *testing.T) {
				s := serve(t, who.opts...)
				twoStreams(s)
				method, path, _ := strings.Cut(tt.call, " ")
				if a := s.do(t, method, path, tt.body); a.StatusCode/100 != 2 {
					t.Fatalf("got %s: %s", a.Status, a.body)
				}
				lines := s.log.lines(t, "audit")
				if len(lines) != 1 {
					t.Fatalf("%d lines: %s", len(lines), s.log)
				}
				if got := lines[0]["who"]; got != who.want {
					t.Errorf("who is %v, want %s", got, who.want)
				}
				for k, v := range tt.want {
					if got := fmt.Sprint(lines[0][k]); got != v {
						t.Errorf("%s is %q, want %q", k, got, v)
					}
				}
				if lines[0]["remote"] == "" {
					t.Error("no remote")
				}
			})
		}
	}
}

func TestReadsAreNotAudited(t *testing.T) {
	s := serve(t)
	for _, p := range []string{"/admin/v1/users/alice", "/admin/v1/streams", "/livez", "/readyz", "/metrics"} {
		s.do(t, "GET", p, "")
	}
	if got := s.log.String(); got != "" {
		t.Errorf("log: %s", got)
	}
}

func TestStageRemembersWhoDecided(t *testing.T) {
	s := serve(t, open)
	s.do(t, "PUT", "/admin/v1/users/alice/stage", `{"stage":"restrict","reason":"r"}`)
	if got := s.state("alice").By; got != "admin:loopback" {
		t.Errorf("by %q", got)
	}
}

func TestTokensNeedAMinterAndAGoodLife(t *testing.T) {
	serve(t, withoutMinter).do(t, "POST", "/admin/v1/tokens", `{"user":"alice"}`).wantProblem(t, http.StatusConflict, "identity.tokens.secret")
	for _, ttl := range []string{"0s", "-1h", "x", "4000d", "500ms"} {
		s := serve(t)
		s.do(t, "POST", "/admin/v1/tokens", `{"user":"alice","ttl":"`+ttl+`"}`).wantProblem(t, 400, "ttl")
		if len(s.minted) > 0 {
			t.Errorf("ttl %s minted", ttl)
		}
	}
	serve(t).do(t, "POST", "/admin/v1/tokens", `{"user":"alice","plan":"p/ro"}`).wantProblem(t, 400, "plan")
}

func TestDrainTwiceIsHarmless(t *testing.T) {
	s := serve(t)
	for range 2 {
		if a := s.do(t, "POST", "/admin/v1/drain", ""); a.StatusCode != http.StatusAccepted {
			t.Errorf("got %s", a.Status)
		}
	}
	if l := s.log.lines(t, "audit"); len(l) != 2 || fmt.Sprint(l[1]["before"]) != "true" {
		t.Errorf("audit: %v", l)
	}
}
