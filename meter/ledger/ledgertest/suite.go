package ledgertest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
)

// Open makes an empty store with a clock and a zone, for one test. Run closes it.
type Open func(t *testing.T, now func() time.Time, loc *time.Location) ledger.Store

// Run runs the whole suite.
func Run(t *testing.T, open Open) {
	t.Helper()
	for _, part := range []struct {
		name string
		test func(*testing.T, Open)
	}{
		{"Lease", lease},
		{"Scopes", scopes},
		{"Windows", windows},
		{"Rolling", rolling},
		{"Speech", speech},
		{"States", states},
		{"Reservations", reservations},
		{"Grants", grants},
		{"Notes", notes},
		{"Reminders", reminders},
		{"Sessions", sessions},
		{"Slots", slots},
		{"Refused", refused},
		{"Race", race},
		{"Model", model},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, open) })
	}
}

// Clock is a clock that moves by hand. It is safe for concurrent use.
type Clock struct {
	mu sync.Mutex
	at time.Time
}

// NewClock returns a clock that stands at an instant.
func NewClock(at time.Time) *Clock { return &Clock{at: at} }

// Now is what the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// Set moves the clock, back too.
func (c *Clock) Set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

// Add moves the clock by d.
func (c *Clock) Add(d time.Duration) { c.Set(c.Now().Add(d)) }

// desk is a store with its clock and short words for the calls.
type desk struct {
	*testing.T
	ledger.Store
	*Clock
}

func newDesk(t *testing.T, open Open, at time.Time, loc *time.Location) desk {
	t.Helper()
	clock := NewClock(at)
	s := open(t, clock.Now, loc)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return desk{t, s, clock}
}

func noon() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) } // a Monday

func day(limit int64) ledger.Scope { return scope("daily", ledger.Day, limit) }

func scope(budget string, u ledger.Unit, limit int64) ledger.Scope {
	return ledger.Scope{Budget: budget, Owner: "user:u", Window: ledger.Window{Unit: u}, Limit: limit}
}

// lease asks and wants a ceiling.
func (d desk) lease(stream string, ceiling, spent, want int64, scopes ...ledger.Scope) ledger.Grant {
	d.Helper()
	g, err := d.Lease(context.Background(), ledger.Request{User: "u", Stream: stream, Scopes: scopes, Ceiling: ceiling, Spent: spent})
	if err != nil {
		d.Fatalf("lease of %s: %v", stream, err)
	}
	if g.Ceiling != want {
		d.Fatalf("lease of %s to %d with %d spent: ceiling %d, want %d", stream, ceiling, spent, g.Ceiling, want)
	}
	return g
}

func (d desk) settle(stream string, spent int64, scopes ...ledger.Scope) ledger.Usage {
	d.Helper()
	u, err := d.Settle(context.Background(), ledger.Request{User: "u", Stream: stream, Scopes: scopes, Spent: spent})
	if err != nil {
		d.Fatalf("settle of %s: %v", stream, err)
	}
	return u
}

// settleLate is a settle that says when the stream ended.
func (d desk) settleLate(stream string, spent int64, ended time.Time, scopes ...ledger.Scope) {
	d.Helper()
	r := ledger.Request{User: "u", Stream: stream, Scopes: scopes, Spent: spent, Ended: ended}
	if _, err := d.Settle(context.Background(), r); err != nil {
		d.Fatalf("settle of %s: %v", stream, err)
	}
}

// used wants what a budget shows.
func (d desk) used(want int64, s ledger.Scope) ledger.Balance {
	d.Helper()
	u, err := d.Usage(context.Background(), ledger.Query{User: "u", Scopes: []ledger.Scope{s}})
	if err != nil {
		d.Fatal(err)
	}
	b := u.Balances[0]
	if b.Used != want || b.Remaining != max(s.Limit+b.Granted-want, 0) {
		d.Fatalf("%s: used %d, remaining %d of %d; want used %d", s.Budget, b.Used, b.Remaining, s.Limit, want)
	}
	return b
}

// audio wants what the user forwarded within a span.
func (d desk) audio(want int64, w time.Duration) {
	d.Helper()
	u, err := d.Usage(context.Background(), ledger.Query{User: "u", Windows: []time.Duration{w}})
	if err != nil {
		d.Fatal(err)
	}
	if u.Audio[0] != want {
		d.Fatalf("%d ms of audio in %v, want %d", u.Audio[0], w, want)
	}
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// cases runs tests that each want a store of their own.
func cases(t *testing.T, open Open, tests map[string]func(d desk)) {
	t.Helper()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(newDesk(t, open, noon(), time.UTC)) })
	}
}
