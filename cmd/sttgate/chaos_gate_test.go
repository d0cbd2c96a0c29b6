package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// chaosGate is a gateway with its journal, over all the processes that it has been.
type chaosGate struct {
	t     *testing.T
	name  string
	file  string // its config
	log   *os.File
	tally *tally

	mu    sync.Mutex
	now   *process // nil while it is down
	lives []*life
}

// life is one process. It counts what the clients did and what the process says of it.
type life struct {
	killed bool
	tries  map[string]int // by user: requests that may have come to a stream
	over   map[string]int // of those, refused with an answer, or settled at a stream's end
	cut    map[string]int // of those, open when the process was stopped by its operator
}

// tally is what the logs say of streams whose settle waits in a journal.
type tally struct {
	mu                   sync.Mutex
	owed                 map[string]bool
	settled              map[string]int64 // ms by user, of streams whose settle was answered
	later, resets, lines int
}

// start runs it, again after kill.
func (g *chaosGate) start() {
	g.t.Helper()
	l := &life{tries: map[string]int{}, over: map[string]int{}, cut: map[string]int{}}
	p := startProcess(g.t, g.file, func(line []byte) { g.hear(l, line) })
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now, g.lives = p, append(g.lives, l)
}

// hear reads a line of the log. A stream's last line is written when it is settled, or when its settle
// is in the journal.
func (g *chaosGate) hear(l *life, line []byte) {
	_, _ = g.log.Write(append(line, '\n')) // for people, after a failure
	var said struct {
		Msg, User, Stream string
		Charged           int64 `json:"charged_ms"`
	}
	if json.Unmarshal(line, &said) != nil {
		return
	}
	if said.Msg == "stream ended" {
		g.mu.Lock()
		l.over[said.User]++
		g.mu.Unlock()
	}
	g.tally.mu.Lock()
	defer g.tally.mu.Unlock()
	g.tally.lines++
	switch said.Msg {
	case "stream ended":
		if !g.tally.owed[said.Stream] {
			g.tally.settled[said.User] += said.Charged
		}
	case "ledger does not answer: the stream is settled later", "too few replicas have the end of a stream: it is settled again later":
		g.tally.owed[said.Stream] = true
		g.tally.later++
	case "settled after an outage":
		delete(g.tally.owed, said.Stream)
	case "the ledger's server has lost data: a running stream was unknown to it and was charged again with its totals; ended streams' usage is gone":
		g.tally.resets++
	}
}

// try enters a request of a user's; over takes it out again. Addresses are "" while it is down.
func (g *chaosGate) try(user string) (data string, over func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.now == nil {
		return "", nil
	}
	l := g.lives[len(g.lives)-1]
	l.tries[user]++
	return g.now.data, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		l.over[user]++
	}
}

// admin is where the operator asks, "" while it is down.
func (g *chaosGate) admin() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.now == nil {
		return ""
	}
	return g.now.admin
}

// kill ends the process as a machine would that is switched off.
func (g *chaosGate) kill() {
	p := g.down(true)
	p.signal(syscall.SIGKILL)
	p.wait()
}

// end stops it as an operator does: everything is settled when it has exited.
func (g *chaosGate) end() {
	g.t.Helper()
	p := g.down(false)
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		g.t.Errorf("%s: exit code %d", g.name, code)
	}
}

// settled waits until nothing waits in its journal.
func (g *chaosGate) settled() {
	g.t.Helper()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(2 * procHang); ; <-look.C {
		owed := g.now.scrape()["sttgate_outage_owed_streams"].GetMetric()[0].GetGauge().GetValue()
		if owed == 0 {
			return
		}
		if time.Now().After(end) {
			g.t.Errorf("%s: %v streams wait to be settled", g.name, owed)
			return
		}
	}
}

func (g *chaosGate) down(killed bool) *process {
	g.mu.Lock()
	defer g.mu.Unlock()
	p, l := g.now, g.lives[len(g.lives)-1]
	g.now, l.killed = nil, killed
	if !killed {
		for user, n := range l.tries {
			l.cut[user] = n - l.over[user]
		}
	}
	return p
}

// count adds up over its processes: a user's requests, those of which nothing is held any more, and how many
// of the others were in processes that were killed.
func (g *chaosGate) count(user string) (tries, over, dead int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, l := range g.lives {
		tries, over = tries+l.tries[user], over+l.over[user]
		if l.killed {
			dead += l.tries[user] - l.over[user]
		}
	}
	return tries, over, dead
}

// cut is how many streams of a user's its stops have ended.
func (g *chaosGate) cut(user string) (n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, l := range g.lives {
		n += l.cut[user]
	}
	return n
}

// journaled is how many settles wait in journals, and how many ever did.
func (t *tally) journaled() (owed, later int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.owed), t.later
}

// acknowledged is what streams of a user have cost that were settled at their ends.
func (t *tally) acknowledged(user string) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.settled[user]
}

// balances asks a gateway what a user has used, by budget.
func balances(tr *http.Transport, admin, user string) (map[string]int64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), procHang)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/admin/v1/users/"+user, nil)
	if err != nil {
		return nil, err
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s", resp.Status)
	}
	var u struct {
		Budgets []struct {
			Budget string `json:"budget"`
			Used   int64  `json:"used_ms"`
		} `json:"budgets"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&u); err != nil {
		return nil, err
	}
	out := map[string]int64{}
	for _, b := range u.Budgets {
		out[b.Budget] = b.Used
	}
	return out, nil
}

// newChaosGate writes the config of a gateway and starts it.
func newChaosGate(t *testing.T, name, vendor, redis, outage string, all *tally) *chaosGate {
	t.Helper()
	dir := t.ArtifactDir()
	log, err := os.Create(filepath.Join(dir, name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() }) // nothing is written to it any more
	g := &chaosGate{t: t, name: name, file: filepath.Join(t.TempDir(), "sttgate.yaml"), log: log, tally: all}
	text := fmt.Sprintf(`listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0}
providers: {deepgram: {url: %q, key: secret}}
ledger: {store: redis, path: %q, slice: %s, timezone: %s, redis: {%s, timeout: %s}, outage: {%s}}
drain: {grace: 100ms, hard: 1m}
budgets:
  - {name: wide, providers: [deepgram], window: day, limit: 1000h}
  - {name: tight, providers: [deepgram], stages: [restrict], window: day, limit: %s, on_exhausted: close}
`, vendor, filepath.Join(t.TempDir(), "journal"), chaosSlice, noonZone(), redis, chaosTimeout, outage, chaosTight)
	if err := os.WriteFile(g.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	g.start()
	return g
}

// noonZone is a zone in which the day does not end during a run.
func noonZone() string {
	ahead := 12 - time.Now().UTC().Hour()
	return fmt.Sprintf("Etc/GMT%+d", -ahead) // these names have the sign the other way round
}
