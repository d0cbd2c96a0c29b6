package notify

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/sttgate/sttgate/policy"
)

// disk is an outbox that a test answers for.
type disk struct {
	mu   sync.Mutex
	ids  []string
	most int           // messages in one write
	hold chan struct{} // not nil: writes wait until it is closed
	err  error
}

func (d *disk) append(ms ...Message) error {
	d.mu.Lock()
	hold, err := d.hold, d.err
	d.mu.Unlock()
	if hold != nil {
		<-hold
	}
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.most = max(d.most, len(ms))
	for _, m := range ms {
		d.ids = append(d.ids, m.ID)
	}
	return nil
}

func (d *disk) set(hold chan struct{}, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hold, d.err = hold, err
}

func (d *disk) has() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.ids, " ")
}

func usage(d *disk, c *tally) *Usage {
	return NewUsage(UsageOptions{Instance: "a", Sinks: []string{ToFile}, Append: d.append, Count: c.count, Log: slog.New(slog.DiscardHandler)})
}

func stretch(n int, final bool) Used {
	return Used{Stream: "s", Seq: n, User: "ann", To: at(n), Final: final}
}

func TestNobodyWaitsForTheDiskAndWhatFindsNoRoomIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		d, c := &disk{hold: hold}, &tally{}
		u := usage(d, c)
		u.Used(stretch(0, false))
		synctest.Wait() // the first is being written
		began := time.Now()
		for n := range mostQueued {
			u.Used(stretch(n+1, false))
		}
		if u.Used(stretch(-1, false)) {
			t.Error("a part was taken without room for it")
		}
		u.Refused(Refused{User: "ann", From: began})
		if waited := time.Since(began); waited != 0 || c.of("file dropped") != 1 {
			t.Errorf("waited %s, %d dropped, want the refusal", waited, c.of("file dropped"))
		}
		if u.Used(stretch(-2, true)) {
			t.Error("an end was taken without room for it")
		}
		if waited := time.Since(began); waited != endPatience || c.of("file dropped") != 2 {
			t.Errorf("an end waited %s, %d dropped", waited, c.of("file dropped"))
		}
		done := make(chan struct{})
		go func() {
			u.Used(stretch(9999, true))
			close(done)
		}()
		d.set(nil, nil)
		close(hold)
		<-done
		u.Close()
		ids := strings.Fields(d.has())
		if len(ids) != mostQueued+2 || ids[0] != "s:0" || ids[len(ids)-1] != "s:9999" || c.of("file dropped") != 2 || d.most > togetherMost {
			t.Errorf("%d were written, %s to %s, %d at once", len(ids), ids[0], ids[len(ids)-1], d.most)
		}
	})
}

func TestADiskThatFailsIsTriedAgainUntilTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, c := &disk{err: errDown}, &tally{}
		u := usage(d, c)
		u.Used(stretch(1, false))
		pass(10 * writeAgain)
		if d.has() != "" || c.of("file dropped") != 0 {
			t.Errorf("%q, %v", d.has(), c.n)
		}
		d.set(nil, nil)
		pass(2 * writeAgain)
		if d.has() != "s:1" {
			t.Errorf("%q", d.has())
		}
		d.set(nil, errDown)
		u.Used(stretch(2, false))
		u.Used(stretch(3, true))
		synctest.Wait()
		u.Close()
		if d.has() != "s:1" || c.of("file dropped") != 2 {
			t.Errorf("at the end: %q, %v", d.has(), c.n)
		}
	})
}

func TestRefusalsAreToldAtOnceThenByTheMinuteAndAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		u := usage(d, &tally{})
		told := func() int { synctest.Wait(); return len(strings.Fields(d.has())) }
		for range 100 {
			u.Refused(Refused{User: "ann", Reason: "budget_exhausted", From: time.Now()})
		}
		if n := told(); n != 1 {
			t.Errorf("%d at once", n)
		}
		pass(refusalWindow + refusalWindow/6)
		if n := told(); n != 2 {
			t.Errorf("%d after a minute", n)
		}
		u.Refused(Refused{User: "ann", Reason: "budget_exhausted", From: time.Now()})
		u.Close()
		if n := told(); n != 3 {
			t.Errorf("%d at the end", n)
		}
	})
}

func TestOnlyStepsThatMoveAreTold(t *testing.T) {
	u := usage(&disk{}, &tally{})
	defer u.Close()
	stays := policy.Event{User: "ann", At: at(0), From: policy.Warning, To: policy.Warning}
	if ms, err := u.Step(stays); err != nil || len(ms) != 0 {
		t.Errorf("%v %v", ms, err)
	}
	moves := stays
	moves.To = policy.Throttle
	if ms, err := u.Step(moves); err != nil || len(ms) != 1 || ms[0].ID != moves.ID() {
		t.Errorf("%v %v", ms, err)
	}
}

func TestAnEventThatCannotBeMadeDoesNotHoldUpTheNext(t *testing.T) {
	d, c := &disk{}, &tally{}
	u := usage(d, c)
	u.queue <- broken{}
	u.Used(stretch(1, true))
	u.Close()
	if d.has() != "s:1" || c.of("file dropped") != 1 {
		t.Errorf("%q, %v", d.has(), c.n)
	}
}

type broken struct{}

func (broken) event(from instance) (e event.Event, err error) {
	return e, fmt.Errorf("%w at %s", errDown, from)
}
