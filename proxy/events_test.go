package proxy

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/proxy/fake"
	"github.com/sttgate/sttgate/proxy/provider"
)

// witness gathers what Events is told.
type witness struct {
	mu      sync.Mutex
	full    bool // parts are not taken
	used    []Used
	refused []Refused
}

func (w *witness) events(every time.Duration) Events {
	return Events{Interval: every, Used: func(e Used) bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.full && !e.Final {
			return false
		}
		w.used = append(w.used, e)
		return true
	}, Refused: func(e Refused) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.refused = append(w.refused, e)
	}}
}

// ended waits for everything to end.
func (w *witness) ended(r *rig) ([]Used, []Refused) {
	r.t.Helper()
	r.settled()
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.used), slices.Clone(w.refused)
}

// told waits until so many refusals were told: clients have their answer a moment before.
func (w *witness) told(r *rig, refusals int) []Refused {
	r.t.Helper()
	for guard := time.Now(); time.Since(guard) < hang; <-time.After(time.Millisecond) {
		if _, refused := w.ended(r); len(refused) >= refusals {
			return refused
		}
	}
	r.t.Fatalf("fewer than %d refusals were told", refusals)
	return nil
}

// one is the only event of a use.
func (w *witness) one(r *rig) Used {
	r.t.Helper()
	used, _ := w.ended(r)
	if len(used) != 1 {
		r.t.Fatalf("told of %+v, want one", used)
	}
	return used[0]
}

func sum(es []Used) (s Figures) {
	for _, e := range es {
		s = s.minus(Figures{}.minus(e.Figures))
	}
	return s
}

// running waits for the one stream: its client has its answer a moment before.
func (r *rig) running() *Stream {
	r.t.Helper()
	for guard := time.Now(); time.Since(guard) < hang; <-time.After(time.Millisecond) {
		if all := r.server.Streams.List(); len(all) == 1 {
			return all[0]
		}
	}
	r.t.Fatal("no stream runs")
	return nil
}

func TestPartsAndTheEndAddUpToTheWhole(t *testing.T) {
	t.Parallel()
	var w witness
	r := newRig(t, rigOptions{config: budgetOf(time.Minute), events: w.events(time.Nanosecond)})
	r.restrict("bob")
	c := r.connect("bob", linear16)
	st := r.running()
	for n := range 3 {
		w.mu.Lock()
		w.full = n == 1 // what is in these is in the next
		w.mu.Unlock()
		before := st.Progress().Forwarded
		c.send(50, 20)
		for st.Progress().Forwarded < before+time.Second {
			<-time.After(time.Millisecond)
		}
		st.tick(time.Now())
	}
	c.text(`{"type":"CloseStream"}`)
	c.read()
	used, refused := w.ended(r)
	if len(used) < 3 || len(refused) != 0 {
		t.Fatalf("%d events, %d refusals", len(used), len(refused))
	}
	at := st.Started
	for n, e := range used {
		final := n == len(used)-1
		if e.Stream != st.ID || e.Seq != n+1 || e.User != "bob" || e.Provider != "deepgram" || e.Variant != "v1" || e.Model != "nova-3" || e.Mode != provider.ModeStream ||
			e.Stage != policy.Restrict || e.Basis != ChargeAudio || !e.Heard || e.Final != final || (e.Total != nil) != final || e.Anywhere || e.Unsettled || e.Request == "" {
			t.Errorf("event %d: %+v", n, e)
		}
		if !e.From.Equal(at) || e.To.Before(e.From) {
			t.Errorf("event %d is from %s to %s, the one before ended at %s", n, e.From, e.To, at)
		}
		at = e.To
		if len(e.Balances) != 1 || e.Balances[0].Budget != "daily" || e.Balances[0].Limit != 60_000 {
			t.Errorf("event %d: %+v", n, e.Balances)
		}
	}
	end := used[len(used)-1]
	all := sum(used)
	if all != *end.Total || all.Audio != 3000 || all.Charged != 3000 || all.Speech <= 0 || all.Speech > 3000 || !end.Reported || all.Vendors != 3000 || end.Result != "ok" || end.Method != "length" {
		t.Errorf("the parts make %+v, the end says %+v (%s, %s)", all, *end.Total, end.Result, end.Method)
	}
	if heard := r.heard(1)[0].AudioMS; heard != all.Audio {
		t.Errorf("the vendor heard %d ms, told are %d", heard, all.Audio)
	}
}

func TestEveryVendorsStreamHasOneEnd(t *testing.T) {
	for name, c := range map[string]struct {
		model  string
		stream func(*testing.T, rigOptions) *rig
	}{
		"soniox": {"stt-rt-v5", func(t *testing.T, o rigOptions) *rig {
			r := newSonioxRig(t, o)
			c := r.stream("alice")
			c.send(100, 20)
			c.finish()
			c.read()
			return r.rig
		}},
		"speechmatics": {"", func(t *testing.T, o rigOptions) *rig {
			r := newSpeechmaticsRig(t, o)
			c := r.recognise("alice")
			c.send(100, 20)
			c.finish(100)
			c.end()
			return r.rig
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var w witness
			e := w.one(c.stream(t, rigOptions{events: w.events(time.Hour)}))
			if e.Provider != name || e.Model != c.model || e.Seq != 1 || !e.Final || e.Result != "ok" || e.Audio != 2000 || e.Total.Audio != 2000 || e.Speech <= 0 || e.Stage != policy.None {
				t.Errorf("%+v", e)
			}
		})
	}
}

func TestWhatIsSwallowedAndEndedIsToldAsRefused(t *testing.T) {
	t.Parallel()
	t.Run("dropped", func(t *testing.T) {
		t.Parallel()
		var w witness
		r := newRig(t, rigOptions{config: budgetOf(time.Second), events: w.events(time.Hour)})
		r.restrict("bob")
		c := r.connect("bob", linear16)
		c.send(100, 20)
		c.until("Error")
		c.text(`{"type":"CloseStream"}`)
		c.read()
		used, refused := w.ended(r)
		if len(used) != 1 || used[0].Audio != 1000 || used[0].Charged != 1000 || used[0].Dropped <= 0 {
			t.Errorf("%+v", used)
		}
		if len(refused) != 1 || refused[0].Where != Dropping || refused[0].Stream != used[0].Stream || fmt.Sprint(refused[0].Budgets) != "[daily]" || refused[0].Retry <= 0 {
			t.Errorf("%+v", refused)
		}
	})
	t.Run("ended", func(t *testing.T) {
		t.Parallel()
		var w witness
		r := newRig(t, rigOptions{config: budgetOf(time.Second), events: w.events(time.Hour)})
		r.restrict("bob")
		c := r.connect("bob", flux)
		c.send(100, 20)
		c.read()
		used, refused := w.ended(r)
		if len(used) != 1 || used[0].Audio != 1000 || used[0].Result != "budget_exhausted" {
			t.Errorf("%+v", used)
		}
		if len(refused) != 1 || refused[0].Where != InStream || refused[0].Reason != provider.BudgetExhausted || refused[0].Status != 429 || refused[0].User != "bob" || refused[0].At.IsZero() {
			t.Errorf("%+v", refused)
		}
	})
}

func TestARefusalAtTheDoorSaysToWhom(t *testing.T) {
	t.Parallel()
	var w witness
	r := newRig(t, rigOptions{config: budgetOf(time.Second), events: w.events(time.Hour)})
	r.restrict("bob")
	r.upload("bob", raw16, zeros(32_000), 32_000).wants(t, 200, "") // all of it
	for _, user := range []string{"bob", ""} {
		if _, _, err := r.dial(user, linear16, nil); err == nil {
			t.Fatalf("%q was let in", user)
		}
	}
	r.upload("bob", raw16, zeros(64_000), 64_000).wants(t, 429, "budget_exhausted")
	r.get("bob", "/nowhere").wants(t, 404, "unsupported")
	refused := w.told(r, 4)
	used, _ := w.ended(r)
	var got []string
	for _, e := range refused {
		got = append(got, fmt.Sprintf("%s %q %s %s %d %s %s", e.Where, e.User, e.Provider, e.Reason, e.Status, e.Mode, e.Budgets))
		if e.Stream != "" || e.Request == "" {
			t.Errorf("%+v", e)
		}
	}
	want := []string{
		`door "bob" deepgram budget_exhausted 429 stream [daily]`, `door "" deepgram unauthenticated 401  []`,
		`door "bob" deepgram budget_exhausted 429 upload [daily]`, `door ""  unsupported 404  []`,
	}
	if !slices.Equal(got, want) || len(used) != 1 {
		t.Errorf("told\n%s\nwant\n%s\nand %+v", strings.Join(got, "\n"), strings.Join(want, "\n"), used)
	}
}

func TestARefusalInBandIsToldToo(t *testing.T) {
	t.Parallel()
	var w witness
	r := newSonioxRig(t, rigOptions{config: sonioxBudget(3 * time.Second), events: w.events(time.Hour)})
	r.restrict("bob")
	r.transcribe("bob", `"file_id":"`+r.file("bob", 3000)+`"`).wants(t, 201, "") // all of it
	r.stream("bob").read()
	refused := w.told(r.rig, 1)
	if len(refused) != 1 || refused[0].Where != AtTheDoor || refused[0].User != "bob" || refused[0].Reason != provider.BudgetExhausted || refused[0].Mode != provider.ModeStream {
		t.Errorf("%+v", refused)
	}
}

func TestAnUploadIsToldAsItWasPaid(t *testing.T) {
	t.Parallel()
	wants := func(e Used, audio, charged int64, result string) {
		t.Helper()
		if e.Seq != 1 || !e.Final || e.Mode != provider.ModeUpload || e.Model != "nova-3" || e.Audio != audio || e.Charged != charged || e.Total.Charged != charged || e.Result != result || e.Heard {
			t.Errorf("%+v, want %d ms for %d, %s", e, audio, charged, result)
		}
	}
	var one, two, three, four witness
	r := newRig(t, rigOptions{events: one.events(time.Hour)})
	r.upload("alice", "model=nova-3&"+raw16, zeros(64_000), 64_000).wants(t, 200, "")
	wants(one.one(r), 2000, 2000, "ok")

	r = newRig(t, rigOptions{events: two.events(time.Hour)})
	r.upload("alice", "model=nova-3&multichannel=true&channels=2&"+raw16, zeros(64_000), 64_000).wants(t, 200, "")
	wants(two.one(r), 1000, 2000, "ok")

	r = newRig(t, rigOptions{fake: playing(fake.Refuse402), events: three.events(time.Hour)})
	r.upload("alice", "model=nova-3&"+raw16, zeros(64_000), 64_000)
	wants(three.one(r), 0, 0, "vendor_refused")

	r = newRig(t, rigOptions{config: budgetOf(time.Second), events: four.events(time.Hour)})
	r.restrict("bob")
	r.upload("bob", "model=nova-3&"+raw16, io.LimitReader(silence{}, 64_000), -1).wants(t, 429, "budget_exhausted")
	refused := four.told(r, 1)
	wants(four.one(r), 0, 0, "budget_exhausted")
	if len(refused) != 1 || refused[0].Where != InStream || refused[0].Mode != provider.ModeUpload {
		t.Errorf("%+v", refused)
	}
}

func TestAJobIsToldWhenItIsTakenAndWhenItsPriceIsRead(t *testing.T) {
	t.Parallel()
	var w, second witness
	store := ledger.NewMemory(time.Now, time.UTC)
	r := newSonioxRig(t, rigOptions{store: store, events: w.events(time.Hour)})
	job := r.transcribe("bob", `"file_id":"`+r.file("bob", 3000)+`"`).member(t, "id")
	e := w.one(r.rig)
	if e.Mode != provider.ModeJob || e.Seq != 1 || e.Final || e.Reserved != 3000 || e.Audio != 0 || e.Charged != 0 || e.Model != "stt-async-v3" {
		t.Errorf("taken: %+v", e)
	}
	for range 3 {
		r.get("bob", "/v1/transcriptions/"+job).wants(t, 200, "")
	}
	used, _ := w.ended(r.rig)
	if len(used) != 2 {
		t.Fatalf("%+v", used)
	}
	end := used[1]
	if end.Stream != e.Stream || end.Seq != 2 || !end.Final || !end.Anywhere || end.Audio != 3000 || end.Charged != 3000 || end.Total.Charged != 3000 || end.Result != "ok" || end.Model != e.Model || !end.Reported || end.Mode != provider.ModeJob || end.Stage != policy.None {
		t.Errorf("read: %+v", end)
	}
	failing := newSonioxRig(t, rigOptions{fake: playing(fake.JobError), events: second.events(time.Hour)})
	job = failing.transcribe("bob", `"file_id":"`+failing.file("bob", 3000)+`"`).member(t, "id")
	for range 3 {
		failing.get("bob", "/v1/transcriptions/"+job)
	}
	if used, _ := second.ended(failing.rig); len(used) != 2 || used[1].Charged != 0 || used[1].Audio != 0 || used[1].Result != "vendor_failed" {
		t.Errorf("failed: %+v", used)
	}
}

func TestEventsCostNothingUntilTheyAreDue(t *testing.T) {
	for name, e := range map[string]Events{"nobody wants any": {}, "not due": (&witness{}).events(time.Hour)} {
		r := newRig(t, rigOptions{events: e})
		c := r.connect("alice", linear16)
		st := r.running()
		now := time.Now()
		if n := testing.AllocsPerRun(100, func() { st.part(now) }); n != 0 || (st.tally == nil) != (e.Used == nil) {
			t.Errorf("%s: %v allocations", name, n)
		}
		c.text(`{"type":"CloseStream"}`)
		c.read()
	}
}
