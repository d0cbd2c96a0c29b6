package ledger_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/sttgate/sttgate/config/secret"
	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
)

func replicated(t testing.TB, url string, n int) *ledger.Redis {
	t.Helper()
	c := ledger.RedisConfig{URL: secret.New(url), Timeout: 4 * time.Second, Replicas: n}
	r, err := ledger.OpenRedis(c, nil, ledger.RedisOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestAFailoverLosesNothingThatCounted takes a replica away, lets streams buy and end where nobody else hears of it, kills
// the gateway, and promotes the replica.
func TestAFailoverLosesNothingThatCounted(t *testing.T) {
	all := ledgertest.StartSentinels(t)
	d := &dark{t: t, c: ledger.OutageConfig{Mode: "deny"}, dir: t.TempDir()}
	open := func() {
		t.Helper()
		p, err := ledger.NewPatient(replicated(t, all.URL(), 1), d.dir, d.c, ledger.PatientOptions{})
		if err != nil {
			t.Fatal(err)
		}
		d.Patient = p
	}
	speak := func(id string) *ledger.Account {
		t.Helper()
		a, err := d.stream(id, daily(60_000))
		if err != nil {
			t.Fatal(err)
		}
		if err := spend(t, a, 20, 700); err != nil {
			t.Fatal(err)
		}
		return a
	}
	open()
	closeAccount(t, speak("heard of"))
	d.nothingOwed()
	all.CutReplica()
	ended, killed := speak("ended"), speak("killed")
	closeAccount(t, ended)
	if n := d.Owed(); n != 1 {
		t.Errorf("no replica has an end, and it counts: %d wait", n)
	}
	want := 1400 + killed.Last().Ceiling
	if n := used(t, d.Patient, daily(60_000)); n != want {
		t.Errorf("%d ms used where it was said, want %d", n, want)
	}
	d.die()
	all.Failover() // the replica has not heard of two streams
	for range 2 {
		open()
		d.nothingOwed()
		u := insist(t, func(ctx context.Context) (ledger.Usage, error) {
			return d.Usage(ctx, ledger.Query{User: "u", Scopes: []ledger.Scope{daily(60_000)}})
		})
		if n := u.Balances[0].Used; n != want {
			t.Errorf("%d ms used after the failover, want %d", n, want)
		}
		d.die()
	}
}

// BenchmarkReplicas is what waiting for a replica costs, beside not waiting, in one run.
func BenchmarkReplicas(b *testing.B) {
	all := ledgertest.StartSentinels(b)
	stores := []*ledger.Redis{replicated(b, all.URL(), 0), replicated(b, all.URL(), 1)}
	var lease, settle [2]time.Duration
	for _, r := range stores {
		defer closeStore(b, r)
	}
	n := 0
	for b.Loop() {
		n++
		for i, r := range stores { // one beside the other: the machine is the same for both
			q := ledger.Request{User: "u", Stream: fmt.Sprint(n, i), Scopes: []ledger.Scope{daily(1 << 40)}, Ceiling: 5000}
			began := time.Now()
			if g, err := r.Lease(b.Context(), q); err != nil || g.Lone {
				b.Fatal(g, err)
			}
			leased := time.Now()
			if _, err := r.Settle(b.Context(), q); err != nil {
				b.Fatal(err)
			}
			lease[i], settle[i] = lease[i]+leased.Sub(began), settle[i]+time.Since(leased)
		}
	}
	for name, took := range map[string][2]time.Duration{"lease": lease, "settle": settle} {
		b.ReportMetric(float64(took[0].Microseconds())/float64(n), "µs/"+name)
		b.ReportMetric(float64(took[1].Microseconds())/float64(n), "µs/"+name+"-replicated")
		b.ReportMetric(float64(took[1])/float64(took[0]), name+"-ratio")
	}
}
