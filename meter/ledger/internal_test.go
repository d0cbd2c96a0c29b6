package ledger

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"reflect"
	"testing"
	"time"
)

// FuzzRecords reads arbitrary bytes as each kind of record. What is accepted
// must have legal numbers and come out the same when written again.
func FuzzRecords(f *testing.F) {
	s := stream{User: "u", Spent: 3000, Ceiling: 8000, Peak: 9000, Seen: 1_800_000_000, Holds: []hold{
		{Budget: "daily", Owner: "user:u", Unit: Day, Window: 20261123, Base: 1000, Granted: 8000},
		{Budget: "r", Owner: "all", Unit: Rolling, Base: 3000, Granted: 0},
	}}
	f.Add(s.encode())
	f.Add(stream{}.encode())
	f.Add(stream{Speech: 7}.encode())
	f.Add(balance{Spent: 5, Hand: 1 << 50}.encode())
	f.Add(encodeState(State{Version: 3, Data: []byte("x")}))
	f.Add(giftsRecord{end: 1_800_000_000, all: gifts{{29_000_000, 600_000}}}.encode())
	f.Add(giftMark{Budget: "daily", Unit: Day, Asked: -9, MS: -5, Before: 5, End: 1_800_000_000}.encode())
	f.Add((&minutes{0, 1, 59: 1 << 40}).encode())
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := decodeStream(b); err == nil {
			again, err := decodeStream(s.encode())
			if err != nil || !reflect.DeepEqual(s, again) {
				t.Fatalf("%+v, %+v, %v", s, again, err)
			}
			for _, h := range s.Holds {
				if s.Spent < 0 || h.Base < 0 || h.Base > s.Spent || h.Granted < 0 || h.Base+h.Granted < s.Spent {
					t.Fatalf("%+v", s)
				}
			}
		}
		if x, err := decodeBalance(b); err == nil {
			if again, err := decodeBalance(x.encode()); err != nil || again != x || x.Spent < 0 || x.Hand < 0 {
				t.Fatalf("%+v, %+v, %v", x, again, err)
			}
		}
		if m, err := decodeMinutes(b); err == nil {
			if again, err := decodeMinutes(m.encode()); err != nil || again != m {
				t.Fatalf("%v, %v, %v", m, again, err)
			}
		}
		if g, err := decodeGifts(b); err == nil {
			if again, err := decodeGifts(g.encode()); err != nil || !reflect.DeepEqual(again, g) || g.all.from(math.MinInt64) < 0 {
				t.Fatalf("%+v, %+v, %v", g, again, err)
			}
		}
		if m, err := decodeGiftMark(b); err == nil && b != nil {
			if again, err := decodeGiftMark(m.encode()); err != nil || again != m {
				t.Fatalf("%+v, %+v, %v", m, again, err)
			}
		}
		if b != nil {
			if s, err := decodeState(b); err == nil {
				if again, err := decodeState(encodeState(s)); err != nil || !reflect.DeepEqual(s, again) || s.Version < 1 {
					t.Fatalf("%+v, %+v, %v", s, again, err)
				}
			}
		}
	})
}

// TestRecordsOfTheLastVersionReadAsWithoutSpeech has a stream and a kept grant as the version
// before speech wrote them; without speech both are still written so.
func TestRecordsOfTheLastVersionReadAsWithoutSpeech(t *testing.T) {
	want := stream{User: "u", Spent: 3000, Ceiling: 8000, Peak: 9000, Seen: 1_795_000_000, Holds: []hold{
		{Budget: "daily", Owner: "user:u", Unit: Day, Window: 20261123, Base: 1000, Granted: 8000},
	}}
	for old, until := range map[string]int64{
		"010175f02e807dd08c01809becaf0d02056461696c7906757365723a750186a4a913d00f807d":           0,
		"010175f02e807dd08c01809becaf0d02056461696c7906757365723a750186a4a913d00f807da0d3ecaf0d": 1_795_003_600,
	} {
		raw, err := hex.DecodeString(old)
		if err != nil {
			t.Fatal(err)
		}
		want.Until = until
		if got, err := decodeStream(raw); err != nil || !reflect.DeepEqual(got, want) || !bytes.Equal(want.encode(), raw) {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
		want.Speech = 700
		if got, err := decodeStream(want.encode()); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
		want.Speech = 0
	}
}

func TestDamagedRecordsAreErrorsAndChangeNothing(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	sc := Scope{Budget: "b", Owner: "o", Window: Window{Unit: Day}, Limit: 1000}
	h := hold{Budget: "b", Owner: "o", Unit: Day, Window: 20261123}
	for _, k := range [][]byte{key(keyStream, "s"), balanceKey(h), key(keyState, "u"), audioSeries("u").hour(at.Unix() / 3600)} {
		m := NewMemory(func() time.Time { return at }, nil)
		if err := m.table.put(k, []byte{99}); err != nil {
			t.Fatal(err)
		}
		if g, err := m.Lease(t.Context(), Request{User: "u", Stream: "s", Scopes: []Scope{sc}, Ceiling: 5, Spent: 1}); err == nil {
			t.Errorf("%q: granted %+v", k, g)
		}
		if len(m.table.keys) != 1 {
			t.Errorf("%q: a failed call left %q", k, m.table.keys)
		}
	}
}

func TestAFailedCallLeavesNothingInASharedWrite(t *testing.T) {
	e, err := OpenEmbedded(t.TempDir(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	errBad := errors.New("bad")
	for _, c := range []struct {
		key string
		err error
	}{{"one", nil}, {"two", errBad}, {"three", nil}} {
		if _, err := e.j.do(t.Context(), func(t table, _ time.Time) error {
			return errors.Join(t.put([]byte(c.key), []byte(c.key)), c.err)
		}); !errors.Is(err, c.err) {
			t.Fatalf("%s: %v", c.key, err)
		}
	}
	if err := e.read(t.Context(), "read", func(v view) error {
		for k, want := range map[string]bool{"one": true, "two": false, "three": true} {
			if got := v.get([]byte(k)) != nil; got != want {
				t.Errorf("%s: %v", k, got)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestOldRecordsAreSwept runs streams for 40 days and wants the store to forget.
func TestOldRecordsAreSwept(t *testing.T) {
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	m := NewMemory(func() time.Time { return at }, nil)
	scopes := []Scope{
		{Budget: "d", Owner: "o", Window: Window{Unit: Day}, Limit: 1 << 40},
		{Budget: "r", Owner: "o", Window: Window{Unit: Rolling, Length: time.Hour}, Limit: 1 << 40},
	}
	most, after := 0, 0
	for i := range 40 * 24 {
		for j := range 5 {
			r := Request{User: "u", Stream: fmt.Sprint(i, "-", j), Scopes: scopes, Ceiling: 1000}
			if _, err := m.Lease(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			r.Spent = 500
			if _, err := m.Settle(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		at = at.Add(time.Hour)
		if i < 20*24 {
			most = max(most, len(m.table.keys))
		} else {
			after = max(after, len(m.table.keys))
		}
	}
	if after > most+10 {
		t.Fatalf("%d records after 40 days, %d after 20", after, most)
	}
	// Two hour records an hour for 8 days, a day's balance for 16 days at most,
	// the marks of the last hours; each with its expiry.
	if after > 2*(2*9*24+20+5*4) {
		t.Fatalf("%d records", after)
	}
	if len(m.table.values) != len(m.table.keys) {
		t.Fatalf("%d values, %d keys", len(m.table.values), len(m.table.keys))
	}
}

func TestMidnightIsTheFirstInstantOfADate(t *testing.T) {
	for _, c := range []struct{ zone, want string }{
		{"UTC", "2026-11-23T00:00:00Z"},
		{"Asia/Beirut", "2022-03-27T01:00:00+03:00"},
		{"America/Havana", "2025-11-02T00:00:00-04:00"},
		{"America/St_Johns", "2010-11-07T00:00:00-02:30"}, // 00:01 goes back to 23:01
		{"Pacific/Apia", "2011-12-31T00:00:00+14:00"},     // the day after the 29th
		{"Pacific/Kiritimati", "2026-11-23T00:00:00+14:00"},
		{"Etc/GMT+12", "2026-11-23T00:00:00-12:00"},
	} {
		loc, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		want, err := time.Parse(time.RFC3339, c.want)
		if err != nil {
			t.Fatal(err)
		}
		y, m, d := want.In(loc).Date()
		if got := midnight(y, m, d, loc); !got.Equal(want) {
			t.Errorf("%s: %v, want %v", c.zone, got.In(loc), want)
		}
		if c.zone == "Pacific/Apia" {
			if got := midnight(2011, 12, 30, loc); !got.Equal(want) {
				t.Errorf("the day that does not exist: %v", got)
			}
		}
	}
}

func TestNothingIsLeftOfGrantsThatAreOver(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	m := NewMemory(func() time.Time { return now }, nil)
	for i := range 50 {
		for _, w := range []Window{{Unit: Day}, {Unit: Rolling, Length: time.Hour}} {
			g := Gift{ID: fmt.Sprint(w.Unit, i), Scope: Scope{Budget: string(w.Unit), Owner: "user:u", Window: w}, MS: int64(i) + 1}
			if _, err := m.Grant(t.Context(), g); err != nil {
				t.Fatal(err)
			}
		}
		now = now.Add(time.Hour)
	}
	now = now.Add(10 * 24 * time.Hour)
	for range 10 { // writes sweep
		if err := m.Note(t.Context(), "n", nil, time.Second); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Minute)
	}
	for _, k := range m.table.keys {
		if k[0] != keyNote && k[0] != keyExpiry {
			t.Errorf("%q is left", k)
		}
	}
}
