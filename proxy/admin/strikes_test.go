package admin

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestTheReadTokenLooksAndChangesNothing(t *testing.T) {
	for _, c := range handler(t).calls {
		s := serve(t, withReader)
		twoStreams(s)
		x := exercises()[c.about.name]
		a := s.do(t, c.method, x.path, x.body, "Authorization", "Bearer "+readToken)
		switch {
		case c.role() == writer:
			a.wantProblem(t, http.StatusForbidden, "admin.read_token")
		case a.StatusCode != http.StatusOK:
			t.Errorf("%s %s: %s", c.method, x.path, a.Status)
		}
		if s.draining || len(s.killed)+len(s.minted)+len(s.states)+len(s.exempted) > 0 || len(s.log.lines(t, "audit")) > 0 {
			t.Errorf("%s changed something", c.about.name)
		}
	}
	s := serve(t, withReader)
	if a := s.do(t, "POST", "/admin/v1/drain", ""); a.StatusCode != http.StatusAccepted {
		t.Errorf("the other token: %s", a.Status)
	}
}

func TestBadTokensAreCountedAndGoodOnesAlwaysPass(t *testing.T) {
	s := serve(t)
	bad := func() answer { return s.do(t, "GET", "/admin/v1/streams", "", "Authorization", "Bearer wrong") }
	for range peerBurst {
		bad().wantProblem(t, http.StatusUnauthorized, "admin.token")
	}
	a := bad()
	a.wantProblem(t, http.StatusTooManyRequests, "wrong token")
	if a.Header.Get("Retry-After") != "6" {
		t.Errorf("Retry-After %q", a.Header.Get("Retry-After"))
	}
	if n := len(s.log.lines(t, "admin request refused")); n != peerBurst {
		t.Errorf("%d lines of the log", n)
	}
	if a := s.do(t, "GET", "/admin/v1/streams", ""); a.StatusCode != http.StatusOK {
		t.Errorf("the good token from the same address: %s", a.Status)
	}
}

func TestStrikesAreForgivenAndBounded(t *testing.T) {
	at := now()
	s := newStrikes(func() time.Time { return at })
	for i := range peerBurst {
		if wait := s.bad("10.0.0.1:1"); wait != 0 {
			t.Fatalf("number %d waits %s", i, wait)
		}
	}
	if wait := s.bad("10.0.0.1:2"); wait != peerEvery {
		t.Errorf("another port of the same address waits %s", wait)
	}
	if s.bad("10.0.0.2:1") != 0 {
		t.Error("another address waits, too")
	}
	for i := range peerBurst {
		s.bad(fmt.Sprintf("[2001:db8::%x]:1", i))
	}
	if s.bad("[2001:db8::ffff]:1") == 0 || s.bad("[2001:db8:0:1::1]:1") != 0 {
		t.Error("of IPv6 it is not the network that counts")
	}
	at = at.Add(peerEvery)
	if s.bad("10.0.0.1:1") != 0 || s.bad("10.0.0.1:1") == 0 {
		t.Error("an interval does not forgive one")
	}
	for i := range 100 * totalBurst {
		at = at.Add(totalEvery)
		s.bad(fmt.Sprintf("10.1.%d.%d:1", i/250, i%250))
	}
	if len(s.peers) > mostPeers {
		t.Errorf("%d peers are remembered", len(s.peers))
	}
	refused := 0
	for i := range 3 * totalBurst {
		if s.bad(fmt.Sprintf("10.2.%d.%d:1", i/250, i%250)) > 0 {
			refused++
		}
	}
	if refused < totalBurst {
		t.Errorf("%d of %d strangers at once are refused", refused, 3*totalBurst)
	}
	if s.bad("no address") < 0 {
		t.Error("a peer without an address is not counted")
	}
}

func TestStreamsComeInPages(t *testing.T) {
	s := serve(t)
	for i := range 25 {
		s.list = append(s.list, Stream{
			ID: fmt.Sprintf("s-%02d", i), User: []string{"alice", "bob"}[i%2], Provider: []string{"deepgram", "soniox"}[i/20], State: "forwarding",
			Started: now().Add(-time.Duration(i/3) * time.Minute), // some at the same moment
		})
	}
	page := func(query string) (ids []string, next string) {
		a := s.do(t, "GET", "/admin/v1/streams?"+query, "")
		var got streamsAnswer
		a.decode(t, &got)
		for _, x := range got.Streams {
			ids = append(ids, x.ID)
		}
		return ids, got.Next
	}
	var all []string
	for next := " "; next != ""; {
		var ids []string
		ids, next = page("limit=4&cursor=" + strings.TrimSpace(next))
		all = append(all, ids...)
		if len(all) == 8 { // whose page ended there, ends
			s.list = append(s.list[:12], s.list[13:]...)
		}
	}
	if len(all) < 24 || all[0] != "s-24" || all[len(all)-1] != "s-02" {
		t.Errorf("got %v", all)
	}
	seen := map[string]bool{}
	for _, id := range all {
		if seen[id] {
			t.Errorf("%s is there twice", id)
		}
		seen[id] = true
	}
	if ids, next := page("user=bob&provider=soniox&limit=1000"); strings.Join(ids, " ") != "s-21 s-23" || next != "" {
		t.Errorf("bob at soniox: %v, %q", ids, next)
	}
	for query, says := range map[string]string{
		"limit=0": "1 to 1000", "limit=1001": "1 to 1000", "user=a%20b": "128", "provider=x": "deepgram, soniox", "cursor=%21": "cursor", "cursor=YQ": "cursor",
	} {
		s.do(t, "GET", "/admin/v1/streams?"+query, "").wantProblem(t, 400, says)
	}
}
