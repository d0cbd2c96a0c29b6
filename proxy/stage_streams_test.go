package proxy

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/proxy/provider"
)

func TestAStageMayAllowFewerStreamsAndWhatRunsGoesOn(t *testing.T) {
	r := newRig(t, rigOptions{config: func(c *Config) { c.Limits.StreamsPerUser = 3 }}) // throttle allows one
	running := func() int {
		n, err := r.server.Users.Running(t.Context(), "ann")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	first, second := r.connect("ann", linear16), r.connect("ann", linear16)
	r.put("ann", moved(policy.Throttle, policy.ByViolation, time.Now()))
	_, resp, err := r.dial("ann", linear16, nil)
	if err == nil {
		t.Fatal("one more was let in")
	}
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != 429 || resp.Header.Get("X-Sttgate-Reason") != "too_many_streams" ||
		!strings.Contains(string(body), `"err_code"`) || !strings.Contains(string(body), "stage throttle, where 1 may run at once") ||
		!strings.Contains(string(body), `"violated-policies":["stage:throttle"]`) {
		t.Errorf("refused with %d %s: %s", resp.StatusCode, resp.Header.Get("X-Sttgate-Reason"), body)
	}
	r.upload("ann", raw16, bytes.NewReader(make([]byte, 64)), 64).wants(t, 429, "too_many_streams")
	if n := running(); n != 2 {
		t.Errorf("%d of ann's streams run, want the two that ran before", n)
	}
	for _, c := range []*client{first, second} {
		c.send(5, 20)
		c.text(`{"type":"CloseStream"}`)
		c.read()
		_ = c.conn.Close()
	}
	r.settled()
	u, err := r.server.Users.User(t.Context(), "ann", "")
	if n := running(); err != nil || n != 0 || u.Audio[0] != 200 {
		t.Errorf("%d run and %v ms are charged, %v; want none and 200: what was refused is given back", n, u.Audio, err)
	}
	c := r.connect("ann", linear16)
	_, resp, err = r.dial("ann", linear16, nil)
	if err == nil || resp.StatusCode != 429 {
		t.Errorf("a second stream at throttle: %v", err)
	}
	_ = c.conn.Close()
	r.settled()
	r.upload("ann", raw16, bytes.NewReader(make([]byte, 64)), 64).wants(t, 200, "")
	r.put("ann", policy.State{})
	r.connect("ann", linear16)
	r.connect("ann", linear16)
}

func TestTheSmallerOfTwoLimitsOnStreamsHolds(t *testing.T) {
	at := func(n int) policy.Effects {
		return policy.Effects{Stage: policy.Throttle, Actions: policy.Actions{MaxStreams: n}}
	}
	with, without := policy.Default(), policy.Default()
	without.Stages = map[policy.Stage]policy.StageRules{}
	off := policy.Default()
	off.Enabled = false
	for _, tt := range []struct {
		name    string
		rules   policy.Config
		perUser int
		effects policy.Effects
		want    int
		stage   policy.Stage
	}{
		{"the stage's", with, 3, at(1), 1, policy.Throttle},
		{"the file's", with, 3, at(5), 3, ""},
		{"the stage's, where the file has none", with, 0, at(2), 2, policy.Throttle},
		{"none now, and a stage may come", with, 0, at(0), ledger.Uncapped, ""},
		{"none, and no stage has one", without, 0, at(0), 0, ""},
		{"none, and the policy is off", off, 0, at(0), 0, ""},
		{"the file's, and no stage has one", without, 3, at(0), 3, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, err := newGate(Rules{Policy: tt.rules}, time.Second, nil, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			h := Handler{gate: g, limits: LimitsConfig{StreamsPerUser: tt.perUser}}
			if o := h.occupant("ann", &vendor{Provider: provider.Deepgram{}}, tt.effects); o.perUser != tt.want || o.stage != tt.stage {
				t.Errorf("%d places, because of stage %q; want %d, %q", o.perUser, o.stage, tt.want, tt.stage)
			}
		})
	}
}
