package ledger

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestReplicasThatAreAwayAreWaitedForByOneCallASecond: the others hold no connection for them, and one that is slower than
// those calls are patient is noticed all the same.
func TestReplicasThatAreAwayAreWaitedForByOneCallASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := replicas{want: 1, wait: 125 * time.Millisecond}
		patient := 0
		call := func(have int64) {
			ms := r.patience()
			if ms > 1 {
				patient++
			} else {
				have = 0
			}
			<-time.After(time.Duration(ms) * time.Millisecond)
			r.waited(have)
		}
		for range 3 {
			call(1)
		}
		if patient != 3 {
			t.Errorf("%d of 3 calls waited while replicas answer", patient)
		}
		patient = 0
		for began := time.Now(); time.Since(began) < 5*time.Second; {
			call(0)
		}
		if patient < 4 || patient > 6 {
			t.Errorf("%d calls waited in five seconds without replicas", patient)
		}
		patient = 0
		for began := time.Now(); time.Since(began) < 2*time.Second; {
			call(1)
		}
		if patient < 5 {
			t.Errorf("%d calls waited when they were back", patient)
		}
	})
}
