package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
)

// RunMover runs what every two stores that are ledger.Movers must show: the day of one goes to the
// other and nothing is given away, or taken twice.
func RunMover(t *testing.T, open, openTarget Open) {
	t.Helper()
	for name, test := range map[string]func(from desk, target func() desk){
		"what each has left is the same to the millisecond":      moved,
		"an open stream is spent, and goes on where it is":       movedOpen,
		"a reservation waits for its price in its new store":     movedReservation,
		"what is settled stays settled":                          movedMarks,
		"a second import changes nothing":                        movedTwice,
		"an import that broke off goes on where it was":          movedInParts,
		"a store that is in use is not added to without a word":  movedOver,
		"several stores come together in one":                    movedTogether,
		"what is over is not brought back":                       movedLate,
		"an entry that no store may have ends the import":        movedInvalid,
		"an export that its reader ends, or its context, is one": movedNotAtAll,
	} {
		t.Run(name, func(t *testing.T) {
			from := newDesk(t, open, noon(), time.UTC)
			test(from, func() desk { return newDesk(t, openTarget, from.Now(), time.UTC) })
		})
	}
}

// The budgets of the day that is moved.
func dayScopes() []ledger.Scope {
	all := scope("house", ledger.Month, 1<<40)
	all.Owner = "all"
	return []ledger.Scope{
		day(60_000), scope("weekly", ledger.Week, 600_000), all,
		{Budget: "hourly", Owner: "user:u", Window: ledger.Window{Unit: ledger.Rolling, Length: time.Hour}, Limit: 90_000},
	}
}

// aDay gives a store something of everything. After it the clock stands at 13:05.
func aDay(d desk) {
	d.Helper()
	ctx := context.Background()
	d.lease("yesterday's", 3000, 0, 3000, dayScopes()...)
	d.settle("yesterday's", 2999, dayScopes()...)
	d.Add(25 * time.Hour)
	d.lease("first", 20_000, 0, 20_000, dayScopes()...)
	d.lease("first", 22_000, 11_111, 22_000, dayScopes()...)
	d.Add(3 * time.Minute)
	d.said("first", 12_345, 9876)
	d.lease("open", 5000, 0, 5000, dayScopes()...)
	d.lease("open", 6000, 1234, 6000, dayScopes()...)
	d.keep(d.reserve("job", 9000, 9000, dayScopes()...), 7000, 24*time.Hour)
	if _, err := d.SetState(ctx, "u", ledger.State{Data: []byte(`{"stage":"restrict"}`)}); err != nil {
		d.Fatal(err)
	}
	if _, err := d.SetState(ctx, "u", ledger.State{Version: 1, Data: []byte("\x00any\xffbytes")}); err != nil {
		d.Fatal(err)
	}
	d.give(600_000, 600_000, 600_000, "raise", day(60_000))
	d.give(1234, 1234, 1234, "raise the hour", dayScopes()[3])
	d.give(-100_000, -100_000, 500_000, "back", day(60_000))
	d.note("soniox:file\xff", "v\x00", 48*time.Hour)
	d.note("gone soon", "x", time.Second)
	d.remind("ann\xff", "v\x00", 24*time.Hour)
	d.Add(2 * time.Minute)
}

func (d desk) mover() ledger.Mover {
	d.Helper()
	m, ok := d.Store.(ledger.Mover)
	if !ok {
		d.Fatalf("%T is no Mover", d.Store)
	}
	return m
}

func (d desk) export() []ledger.Entry {
	d.Helper()
	var out []ledger.Entry
	err := d.mover().Export(context.Background(), func(e ledger.Entry) error {
		out = append(out, e)
		return e.Validate()
	})
	if err != nil {
		d.Fatal(err)
	}
	return out
}

// each goes through entries; with a fault behind the first n, where it is not nil.
func each(entries []ledger.Entry, n int, fault error) iter.Seq2[ledger.Entry, error] {
	return func(yield func(ledger.Entry, error) bool) {
		for i, e := range entries {
			if fault != nil && i == n {
				yield(ledger.Entry{}, fault)
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (d desk) take(id string, merge bool, entries []ledger.Entry) ledger.Imported {
	d.Helper()
	got, err := d.mover().Import(context.Background(), id, merge, each(entries, 0, nil))
	if err != nil {
		d.Fatal(err)
	}
	if got.Taken+got.Before != int64(len(entries)) {
		d.Fatalf("%+v of %d entries", got, len(entries))
	}
	return got
}

// standing is what a user's page shows.
func (d desk) standing() ledger.Usage {
	d.Helper()
	u, err := d.Usage(context.Background(), ledger.Query{User: "u", Scopes: dayScopes(), Windows: []time.Duration{time.Hour, 168 * time.Hour}})
	if err != nil {
		d.Fatal(err)
	}
	return u
}

// wantStanding compares what is left, and the user's record.
func (d desk) wantStanding(want ledger.Usage) {
	d.Helper()
	if got := d.standing(); !reflect.DeepEqual(got.Balances, want.Balances) || !reflect.DeepEqual(got.State, want.State) {
		d.Fatalf("got  %+v\nwant %+v", got, want)
	}
}

func moved(from desk, target func() desk) {
	aDay(from)
	from.settle("open", 6000)
	want := from.standing()
	to := target()
	to.take("x", false, from.export())
	to.wantStanding(want)
	to.speech(9876, time.Hour)
	to.audio(12_345+6000, time.Hour)
	to.audio(2999+12_345+6000, 48*time.Hour)
	to.noted("soniox:file\xff", "v\x00")
	to.noted("gone soon", "")
	if b := to.standing().Balances; b[0].Granted != 500_000 || b[3].Granted != 1234 {
		to.Fatalf("%+v", b)
	}
	to.again(600_000, 600_000, 600_000, "raise", day(60_000))
	for _, step := range []time.Duration{58 * time.Minute, 11 * time.Hour, 20 * time.Hour} { // buckets leave, days end
		from.Add(step)
		to.Add(step)
		from.settle("tick", 0)
		to.settle("tick", 0)
		if step < 20*time.Hour {
			to.wantStanding(from.standing())
			to.due(10)
		}
	}
	to.due(10, "ann\xff v\x00")
	to.noted("soniox:file\xff", "v\x00")
	to.Add(24 * time.Hour)
	to.noted("soniox:file\xff", "")
	if s, err := to.SetState(context.Background(), "u", ledger.State{Version: 2}); err != nil || s.Version != 3 {
		to.Fatalf("%+v, %v", s, err)
	}
}

func movedOpen(from desk, target func() desk) {
	aDay(from)
	before := from.standing()
	entries := from.export()
	from.wantStanding(before)
	from.audio(12_345+1234, time.Hour)
	from.lease("open", 7000, 2000, 7000, dayScopes()...)
	to := target()
	to.take("x", false, entries)
	if _, err := to.Lease(context.Background(), ledger.Request{User: "u", Stream: "open", Ceiling: 9000}); !errors.Is(err, ledger.ErrSettled) {
		to.Fatalf("the open stream's lease: %v", err)
	}
	to.settle("open", 2000, dayScopes()...)
	to.wantStanding(before)
}

func movedReservation(from desk, target func() desk) {
	aDay(from)
	entries := from.export()
	used := from.standing().Balances[0].Used
	paid := target()
	paid.take("x", false, entries)
	paid.pay(ledger.Resume(paid.Store, opening("job")), 2500)
	paid.used(used-4500, day(60_000))
	paid.pay(ledger.Resume(paid.Store, opening("job")), 7000)
	paid.used(used-4500, day(60_000))
	if got := paid.take("y", true, entries[:0]); got.Taken != 0 {
		paid.Fatalf("%+v", got)
	}

	forgotten := target()
	forgotten.take("x", false, entries)
	forgotten.audio(12_345+6000, time.Hour)
	forgotten.Add(24 * time.Hour)
	forgotten.settle("somebody's", 0)
	forgotten.audio(2999+12_345+6000+7000, 72*time.Hour)
	forgotten.speech(9876+7000, 72*time.Hour)
}

func movedMarks(from desk, target func() desk) {
	aDay(from)
	from.pay(ledger.Resume(from.Store, opening("job")), 100)
	want := from.standing()
	to := target()
	to.take("x", false, from.export())
	for _, late := range []string{"first", "job"} {
		if _, err := to.Lease(context.Background(), ledger.Request{User: "u", Stream: late, Ceiling: 9000}); !errors.Is(err, ledger.ErrSettled) {
			to.Fatalf("%s: %v", late, err)
		}
	}
	to.settle("first", 20_000, dayScopes()...)
	to.Add(20 * time.Hour) // a price may be told for as long as it was waited for
	to.settle("job", 7000, dayScopes()...)
	to.Add(-20 * time.Hour)
	to.wantStanding(want)
}

func movedTwice(from desk, target func() desk) {
	aDay(from)
	want, entries := from.standing(), from.export()
	to := target()
	to.take("x", false, entries)
	if got := to.take("x", false, entries); got.Taken != 0 || got.Before != int64(len(entries)) {
		to.Fatalf("%+v", got)
	}
	to.wantStanding(want)
	// Also when the store is in use by then.
	to.lease("new", 1000, 0, 1000, dayScopes()...)
	to.settle("new", 1000, dayScopes()...)
	to.pay(ledger.Resume(to.Store, opening("job")), 0)
	want = to.standing()
	to.take("x", false, entries)
	to.wantStanding(want)
}

func movedInParts(from desk, target func() desk) {
	aDay(from)
	ctx := context.Background()
	for i := range 600 {
		user := fmt.Sprint("user", i)
		s := day(60_000)
		s.Owner = "user:" + user
		if _, err := from.Settle(ctx, ledger.Request{User: user, Stream: user, Scopes: []ledger.Scope{s}, Spent: int64(i)}); err != nil {
			from.Fatal(err)
		}
	}
	want, entries := from.standing(), from.export()
	fault := errors.New("the file ends")
	for _, n := range []int{1, 300, len(entries) - 1} {
		to := target()
		got, err := to.mover().Import(ctx, "x", false, each(entries, n, fault))
		if !errors.Is(err, fault) {
			to.Fatalf("%+v, %v", got, err)
		}
		to.take("x", false, entries)
		to.wantStanding(want)
		u, err := to.Usage(ctx, ledger.Query{User: "user599", Windows: []time.Duration{time.Hour}})
		if err != nil || u.Audio[0] != 599 {
			to.Fatalf("%+v, %v", u, err)
		}
	}
}

func movedOver(from desk, target func() desk) {
	aDay(from)
	entries := from.export()
	to := target()
	to.settle("own", 1000, dayScopes()...)
	if _, err := to.SetState(context.Background(), "u", ledger.State{Data: []byte("own")}); err != nil {
		to.Fatal(err)
	}
	want := to.standing()
	if got, err := to.mover().Import(context.Background(), "x", false, each(entries, 0, nil)); !errors.Is(err, ledger.ErrNotEmpty) || got.Taken != 0 {
		to.Fatalf("%+v, %v", got, err)
	}
	to.wantStanding(want)
	if got := to.take("x", true, entries); got.Kept == 0 {
		to.Fatalf("%+v: the record of u was there", got)
	}
	there := from.standing()
	for i, b := range to.standing().Balances {
		if b.Granted != there.Balances[i].Granted {
			to.Fatalf("%s: %d granted, want %d", b.Budget, b.Granted, there.Balances[i].Granted)
		}
		if b.Used != there.Balances[i].Used+1000 {
			to.Fatalf("%s: %d used, want %d and 1000 of its own", b.Budget, b.Used, there.Balances[i].Used)
		}
	}
	if s := to.standing().State; string(s.Data) != "own" || s.Version != 1 {
		to.Fatalf("%+v: what was decided here stays", s)
	}
}

func movedTogether(from desk, target func() desk) {
	from.settle("a", 1000, dayScopes()...)
	from.give(3000, 3000, 3000, "raise", scope("house", ledger.Month, 1))
	other, to := target(), target()
	other.settle("b", 200, dayScopes()...)
	other.give(400, 400, 400, "raise too", scope("house", ledger.Month, 1))
	to.take("x", false, from.export())
	to.take("y", true, other.export())
	to.take("x", true, from.export())
	for _, s := range dayScopes() {
		to.used(1200, s)
	}
	to.audio(1200, time.Hour)
	to.give(-1, -1, 3399, "less", scope("house", ledger.Month, 1))
}

func movedLate(from desk, target func() desk) {
	aDay(from)
	entries := from.export()
	from.Add(90 * 24 * time.Hour)
	to := target()
	if got := to.take("x", false, entries); got.Over == 0 {
		to.Fatalf("%+v", got)
	}
	for _, b := range to.standing().Balances {
		if b.Used != 0 || b.Granted != 0 {
			to.Fatalf("%+v", b)
		}
	}
	if s := to.standing().State; s.Version != 2 {
		to.Fatalf("%+v: what was decided does not age", s)
	}
}

func movedInvalid(from desk, target func() desk) {
	aDay(from)
	to := target()
	for i, bad := range badEntries() {
		got, err := to.mover().Import(context.Background(), fmt.Sprint("x", i), true, each([]ledger.Entry{bad}, 0, nil))
		if !errors.Is(err, ledger.ErrInvalid) || got.Taken != 0 {
			to.Fatalf("%d: %+v, %v", i, got, err)
		}
	}
	if _, err := to.mover().Import(context.Background(), "", true, each(nil, 0, nil)); !errors.Is(err, ledger.ErrInvalid) {
		to.Fatalf("no id: %v", err)
	}
}

func movedNotAtAll(from desk, _ func() desk) {
	aDay(from)
	stop := errors.New("enough")
	if err := from.mover().Export(context.Background(), func(ledger.Entry) error { return stop }); !errors.Is(err, stop) {
		from.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	err := from.mover().Export(ctx, func(ledger.Entry) error {
		n++
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || n != 1 {
		from.Fatalf("%d entries, %v", n, err)
	}
	if _, err := from.mover().Import(ctx, "x", true, each(nil, 0, nil)); !errors.Is(err, context.Canceled) {
		from.Fatal(err)
	}
}
