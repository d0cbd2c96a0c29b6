package main

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
)

// charged is what of a budget is used, as a user's page shows it.
func (p *process) charged(user, budget string) int64 {
	p.t.Helper()
	var u struct {
		Budgets []struct {
			Budget string `json:"budget"`
			Used   int64  `json:"used_ms"`
		} `json:"budgets"`
	}
	p.call(http.MethodGet, "/admin/v1/users/"+user, "", &u)
	for _, b := range u.Budgets {
		if b.Budget == budget {
			return b.Used
		}
	}
	p.t.Fatalf("budget %s does not apply to %s: %+v", budget, user, u)
	return 0
}

// breakers are budgets of everybody's and of a vendor's, above those of the users.
func breakers(house, vendor string) string {
	return fmt.Sprintf(`{name: house, per: all, window: day, limit: %s}, {name: vendor, per: provider, providers: [deepgram], window: day, limit: %s},
  {name: daily, providers: [deepgram], window: day, limit: 10h, on_exhausted: close}`, house, vendor)
}

// breakerHolds spends a breaker's 60 s through two gateways, as several users.
func breakerHolds(t *testing.T, url, name, budgets string) {
	users := []string{"ann", "bob", "carl", "dora"}
	w := newWorld(t, "")
	file := w.redisFile(url, name+":", "mode: deny", budgets)
	gates := w.two(file)
	spendTogether(t, gates, users, func() {})
	w.spendTheRest(gates, 60_000)
	p := serveProcess(t, file)
	sum := int64(0)
	for _, u := range users {
		sum += p.charged(u, "daily")
	}
	w.exactly(60_000, p.charged("bob", "house"), p.charged("bob", "vendor"), sum)
}

func TestTwoGatewaysForwardExactlyOneBreaker(t *testing.T) {
	t.Parallel()
	url := ledgertest.StartRedis(t).URL()
	for name, budgets := range map[string]string{"house": breakers("60s", "10h"), "vendor": breakers("10h", "60s")} {
		t.Run(name, func(t *testing.T) { breakerHolds(t, url, name, budgets) })
	}
}

func TestTwoGatewaysForwardExactlyOneBudgetOnACluster(t *testing.T) {
	t.Parallel()
	cluster := ledgertest.StartCluster(t)
	t.Run("while the user's slot moves", func(t *testing.T) {
		w := newWorld(t, "")
		file := w.redisConfig(cluster.URL(), "60s", "mode: deny")
		gates := w.two(file)
		spendTogether(t, gates, []string{"bob"}, func() {
			for heard := int64(10_000); heard < 60_000; heard += 10_000 {
				w.until(0, heard)
				from, to := cluster.MoveSlot("user:bob")
				t.Logf("after %d ms the user's slot has gone from %s to %s", w.heard(), from, to)
			}
		})
		w.spendTheRest(gates, 60_000)
		w.exactly(60_000, serveProcess(t, file).used("bob"))
	})
	t.Run("under a breaker on another node", func(t *testing.T) {
		home := cluster.Home("all")
		for moved := 0; cluster.Home("user:bob") == home || cluster.Home("provider:deepgram") == home; moved++ {
			if moved == 4 {
				t.Fatal("the slots cannot be spread")
			}
			for _, owner := range []string{"user:bob", "provider:deepgram"} {
				if cluster.Home(owner) == home {
					cluster.MoveSlot(owner)
				}
			}
		}
		breakerHolds(t, cluster.URL(), "house", breakers("60s", "10h"))
	})
}

func TestTwoGatewaysForwardExactlyOneBudgetWithSentinels(t *testing.T) {
	t.Parallel()
	all := ledgertest.StartSentinels(t)
	t.Run("over a failover in order", func(t *testing.T) {
		w := newWorld(t, "")
		file := w.redisConfig(all.URL(), "60s", "mode: deny")
		gates := w.two(file)
		spendTogether(t, gates, []string{"bob"}, func() {
			w.until(0, 20_000)
			all.FailoverInOrder()
		})
		w.spendTheRest(gates, 60_000)
		w.exactly(60_000, serveProcess(t, file).used("bob"))
	})
	t.Run("running streams are charged in full after a failover to an old replica", func(t *testing.T) {
		const streams, behind = 4, 2
		w := newWorld(t, "drain: {grace: 100ms, hard: 1m}\n")
		file := w.redisFile(all.URL(), "old:", "mode: allow, grace_per_stream: 1h, grace_per_user: 10h",
			"{name: daily, providers: [deepgram], window: day, limit: 100h, on_exhausted: close}")
		p := serveProcess(t, file)
		first := flood(t, p, streams)
		w.until(0, streams*1000)
		all.CutReplica()
		late := flood(t, p, behind)
		w.until(w.heard(), 10_000)
		all.Failover()
		resets := fmt.Sprintf("\nsttgate_ledger_resets_total %d\n", behind)
		look := time.NewTicker(20 * time.Millisecond)
		defer look.Stop()
		for end := time.Now().Add(procHang); !strings.Contains(p.send(http.MethodGet, "/metrics", http.StatusOK), resets); <-look.C {
			if time.Now().After(end) {
				t.Fatalf("no alarm of %d lost streams", behind)
			}
		}
		p.signal(syscall.SIGTERM)
		first.Wait()
		late.Wait()
		if code := p.wait(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		w.exactly(w.heard(), serveProcess(t, file).used("bob"))
	})
}

// operate runs a command of the program against a gateway.
func operate(t *testing.T, p *process, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(t.Context(), append(args, "--admin", p.admin), nil, nil, &out, &errs); code != 0 {
		t.Fatalf("%v: exit %d: %s", args, code, &errs)
	}
	return out.String()
}

// live is the one stream that runs at a gateway.
func (p *process) live() (s liveStream) {
	p.t.Helper()
	var v userView
	p.call(http.MethodGet, "/admin/v1/users/bob", "", &v)
	if len(v.Streams) != 1 {
		p.t.Fatalf("%d streams run, want one", len(v.Streams))
	}
	return v.Streams[0]
}

func TestAStageChangeReachesTheStreamsOfOtherGatewaysWithinOneLease(t *testing.T) {
	t.Parallel()
	const limit = 1000
	w := newWorld(t, "")
	gates := w.two(w.redisFile(ledgertest.StartRedis(t).URL(), "sttgate:", "mode: deny",
		"{name: daily, providers: [deepgram], stages: [restrict], window: day, limit: 1s}"))
	here, there := gates[0], gates[1]
	all := flood(t, there, 1)
	w.until(0, 5000)
	id := there.live().ID
	operate(t, here, "user", "stage", "bob", "restrict", "--reason", "test")
	before := w.heard()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(procHang); there.live().DroppedMS == 0; <-look.C {
		if time.Now().After(end) {
			t.Fatal("the stream of the other gateway is not restricted")
		}
	}
	// A lease in hand, the budget, and what was on its way to the vendor.
	if more := w.heard() - before; more > redisSlice.Milliseconds()+limit+500 {
		t.Errorf("%d ms were forwarded after the change, the lease in hand and the budget are %d", more, redisSlice.Milliseconds()+limit)
	}
	for _, p := range gates {
		if said := operate(t, p, "user", "show", "bob"); !strings.Contains(said, "restrict") {
			t.Errorf("a gateway says\n%s", said)
		}
	}
	operate(t, here, "user", "stage", "bob", "none", "--reason", "sorted out")
	w.until(w.heard(), 3000)
	if again := there.live().ID; again != id {
		t.Errorf("stream %s goes on as %s", id, again)
	}
	operate(t, there, "user", "stage", "bob", "warning", "--reason", "the other way")
	if said := operate(t, here, "user", "show", "bob"); !strings.Contains(said, "the other way") {
		t.Errorf("the first gateway says\n%s", said)
	}
	there.signal(syscall.SIGKILL)
	all.Wait()
}
