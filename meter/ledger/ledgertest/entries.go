package ledgertest

import (
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
)

// badEntries are what no store may be given.
func badEntries() []ledger.Entry {
	hour := noon()
	good := ledger.ReservationEntry{Stream: "s", User: "u", Spent: 5, Ceiling: 5, Peak: 5, Seen: hour, Until: hour}
	less := good
	less.Holds = []ledger.HoldEntry{{Budget: "b", Unit: ledger.Day, Window: "2026-11-23", Base: 0, Granted: 4}}
	ahead := good
	ahead.Holds = []ledger.HoldEntry{{Budget: "b", Unit: ledger.Rolling, Base: 6, Granted: 4}}
	return []ledger.Entry{
		{},
		{State: &ledger.StateEntry{User: "u", Version: 1}, Audio: &ledger.AudioEntry{User: "u", Hour: hour}},
		{State: &ledger.StateEntry{User: "u"}},
		{State: &ledger.StateEntry{User: "\xff", Version: 1}},
		{Balance: &ledger.BalanceEntry{Budget: "b", Unit: ledger.Day, Window: "2026-02-30"}},
		{Balance: &ledger.BalanceEntry{Budget: "b", Unit: ledger.Week, Window: "2026-11-24"}}, // a Tuesday
		{Balance: &ledger.BalanceEntry{Budget: "b", Unit: ledger.Rolling}},
		{Balance: &ledger.BalanceEntry{Budget: "b", Unit: ledger.Day, Window: "2026-11-24", Spent: -1}},
		{Balance: &ledger.BalanceEntry{Budget: "b", Unit: "year", Window: "2026-01-01"}},
		{Minutes: &ledger.MinutesEntry{Budget: "b", Hour: hour.Add(time.Second)}},
		{Minutes: &ledger.MinutesEntry{Budget: "b", Hour: hour, Spent: make([]int64, 61)}},
		{Audio: &ledger.AudioEntry{User: "u", Hour: hour, Forwarded: []int64{1 << 51}}},
		{Speech: &ledger.SpeechEntry{User: "u", Hour: hour.Add(time.Minute)}},
		{Speech: &ledger.SpeechEntry{User: "u", Hour: hour, Spoken: []int64{-1}}},
		{Reservation: &less},
		{Reservation: &ahead},
		{Settled: &ledger.SettledEntry{Until: hour}},
		{Settled: &ledger.SettledEntry{Stream: "s", Until: hour.Add(1)}},
		{Note: &ledger.NoteEntry{Until: hour}},
		{Reminder: &ledger.ReminderEntry{At: hour}},
		{Reminder: &ledger.ReminderEntry{Key: []byte("k"), At: hour.Add(1)}},
		{Granted: &ledger.GrantedEntry{Budget: "b", Unit: ledger.Day, Window: "2026-11-24"}},
		{Granted: &ledger.GrantedEntry{Budget: "b", Unit: ledger.Day, Window: "2026-11-24", Granted: []ledger.GivenAt{{MS: -1}}}},
		{Granted: &ledger.GrantedEntry{Budget: "b", Unit: ledger.Day, Window: "2026-11-24", Granted: []ledger.GivenAt{{Minute: hour, MS: 1}}}},
		{Granted: &ledger.GrantedEntry{Budget: "b", Unit: ledger.Rolling, Granted: []ledger.GivenAt{{Minute: hour.Add(time.Second), MS: 1}}}},
		{Grant: &ledger.GrantEntry{Budget: "b", Unit: ledger.Day, Asked: 1, Until: hour}},
		{Grant: &ledger.GrantEntry{ID: "x", Budget: "b", Unit: ledger.Day, Until: hour}},
	}
}
