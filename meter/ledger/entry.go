package ledger

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// Entry is one record of a ledger's day, as a [Mover] hands it out and takes it: exactly one
// member is set. It belongs to no store: windows are dates, times are instants.
type Entry struct {
	State       *StateEntry       `json:"state,omitempty"`
	Balance     *BalanceEntry     `json:"balance,omitempty"`
	Minutes     *MinutesEntry     `json:"minutes,omitempty"`
	Audio       *AudioEntry       `json:"audio,omitempty"`
	Speech      *SpeechEntry      `json:"speech,omitempty"`
	Reservation *ReservationEntry `json:"reservation,omitempty"`
	Settled     *SettledEntry     `json:"settled,omitempty"`
	Note        *NoteEntry        `json:"note,omitempty"`
	Reminder    *ReminderEntry    `json:"reminder,omitempty"`
	Granted     *GrantedEntry     `json:"granted,omitempty"`
	Grant       *GrantEntry       `json:"grant,omitempty"`
}

// StateEntry is a user's record.
type StateEntry struct {
	User    string `json:"user"`
	Version int64  `json:"version"`
	Data    []byte `json:"data"`
}

// BalanceEntry is what was charged to a budget in one calendar window, with what open
// streams have in hand; reservations bring their own.
type BalanceEntry struct {
	Budget string `json:"budget"`
	Owner  string `json:"owner"`
	Unit   Unit   `json:"unit"`
	Window string `json:"window"` // the date on which it begins: 2026-11-25
	Spent  int64  `json:"spent_ms"`
}

// MinutesEntry is what was charged to a rolling budget in the minutes of one hour.
type MinutesEntry struct {
	Budget string    `json:"budget"`
	Owner  string    `json:"owner"`
	Hour   time.Time `json:"hour"`
	Spent  []int64   `json:"spent_ms"` // up to 60
}

// AudioEntry is what a user forwarded in the minutes of one hour.
type AudioEntry struct {
	User      string    `json:"user"`
	Hour      time.Time `json:"hour"`
	Forwarded []int64   `json:"forwarded_ms"` // up to 60
}

// SpeechEntry is how much speech a user's streams have told of in the minutes of one hour.
type SpeechEntry struct {
	User   string    `json:"user"`
	Hour   time.Time `json:"hour"`
	Spoken []int64   `json:"spoken_ms"` // up to 60
}

// ReservationEntry is a grant that was kept and waits for its price. What it has in hand is
// in no BalanceEntry.
type ReservationEntry struct {
	Stream  string      `json:"stream"`
	User    string      `json:"user"`
	Spent   int64       `json:"spent_ms"`
	Ceiling int64       `json:"ceiling_ms"`
	Peak    int64       `json:"peak_ms"` // charged if nobody comes
	Speech  int64       `json:"speech_ms,omitempty"`
	Seen    time.Time   `json:"seen"`
	Until   time.Time   `json:"until"`
	Holds   []HoldEntry `json:"holds,omitempty"`
}

// HoldEntry is one budget that a reservation has in hand, from Base to Base+Granted of its own time.
type HoldEntry struct {
	Budget  string `json:"budget"`
	Owner   string `json:"owner"`
	Unit    Unit   `json:"unit"`
	Window  string `json:"window,omitempty"` // as of BalanceEntry; "" for Rolling
	Base    int64  `json:"base_ms"`
	Granted int64  `json:"granted_ms"`
}

// SettledEntry is the mark that a stream is over: whoever settles it again is late.
type SettledEntry struct {
	Stream string    `json:"stream"`
	User   string    `json:"user,omitempty"` // "" where an older record does not tell
	Until  time.Time `json:"until"`
}

// NoteEntry is a note. Its key may be any bytes.
type NoteEntry struct {
	Key   []byte    `json:"key"`
	Value []byte    `json:"value"`
	Until time.Time `json:"until"`
}

// ReminderEntry is a reminder. Its key may be any bytes.
type ReminderEntry struct {
	Key   []byte    `json:"key"`
	Value []byte    `json:"value"`
	At    time.Time `json:"at"` // when it is due
}

// Validate finds what no store may be given.
func (e Entry) Validate() error {
	var faults []error
	n := 0
	check := func(set bool, f func() error) {
		if set {
			n++
			faults = append(faults, f())
		}
	}
	check(e.State != nil, func() error { return e.State.validate() })
	check(e.Balance != nil, func() error { return e.Balance.validate() })
	check(e.Minutes != nil, func() error { return e.Minutes.validate() })
	check(e.Audio != nil, func() error { return e.Audio.validate() })
	check(e.Speech != nil, func() error { return e.Speech.validate() })
	check(e.Reservation != nil, func() error { return e.Reservation.validate() })
	check(e.Settled != nil, func() error { return e.Settled.validate() })
	check(e.Note != nil, func() error { return e.Note.validate() })
	check(e.Reminder != nil, func() error { return e.Reminder.validate() })
	check(e.Granted != nil, func() error { return e.Granted.validate() })
	check(e.Grant != nil, func() error { return e.Grant.validate() })
	if n != 1 {
		return fmt.Errorf("%w: an entry of %d records, not one", ErrInvalid, n)
	}
	return errors.Join(faults...)
}

func (e *StateEntry) validate() error {
	if e.Version < 1 {
		return fmt.Errorf("%w: a user record of version %d", ErrInvalid, e.Version)
	}
	return errors.Join(checkUser(e.User), checkText(e.User), checkState(e.User, State{Data: e.Data}))
}

func (e *BalanceEntry) validate() error {
	return errors.Join(checkHold(HoldEntry{Budget: e.Budget, Owner: e.Owner, Unit: e.Unit, Window: e.Window}),
		errIf(e.Unit == Rolling, "a rolling budget has no balance of a window"), checkAmounts(e.Spent))
}

func (e *MinutesEntry) validate() error {
	return errors.Join(checkHold(HoldEntry{Budget: e.Budget, Owner: e.Owner, Unit: Rolling}), checkHour(e.Hour, e.Spent))
}

func (e *AudioEntry) validate() error {
	return errors.Join(checkUser(e.User), checkText(e.User), checkHour(e.Hour, e.Forwarded))
}

func (e *SpeechEntry) validate() error {
	return errors.Join(checkUser(e.User), checkText(e.User), checkHour(e.Hour, e.Spoken))
}

func (e *ReservationEntry) validate() error {
	faults := []error{
		checkUser(e.User), checkText(e.User), checkStream(e.Stream), checkAmounts(e.Spent, e.Ceiling, e.Peak, e.Speech),
		checkInstant(e.Seen), checkInstant(e.Until), errIf(len(e.Holds) > maxScopes, "a reservation of too many budgets"),
	}
	for _, h := range e.Holds {
		faults = append(faults, checkHold(h), checkAmounts(h.Base, h.Granted),
			errIf(h.Base > e.Spent || h.Granted < e.Spent-h.Base, "a reservation whose budgets do not cover what it spent"))
	}
	return errors.Join(faults...)
}

func (e *SettledEntry) validate() error {
	return errors.Join(checkStream(e.Stream), checkText(e.User), errIf(len(e.User) > maxUser, "a user id that is too long"), checkInstant(e.Until))
}

func (e *NoteEntry) validate() error {
	return errors.Join(checkNote(string(e.Key), e.Value, bucket), checkInstant(e.Until))
}

func (e *ReminderEntry) validate() error {
	return errors.Join(checkReminder(string(e.Key), e.Value, e.At), checkInstant(e.At))
}

func checkStream(id string) error {
	return errors.Join(errIf(id == "" || len(id) > maxName, "a stream id of no possible length"), checkText(id))
}

func checkHold(h HoldEntry) error {
	w := Window{Unit: h.Unit}
	if h.Unit == Rolling {
		w.Length = bucket
	}
	faults := []error{checkScopes([]Scope{{Budget: h.Budget, Owner: h.Owner, Window: w}}), checkText(h.Budget), checkText(h.Owner)}
	if _, err := parseWindowID(h.Unit, h.Window); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// checkText refuses what a file of text would not keep as it is.
func checkText(s string) error { return errIf(!utf8.ValidString(s), "a name that is not UTF-8") }

func checkAmounts(amounts ...int64) error {
	for _, n := range amounts {
		if n < 0 || n > maxAmount {
			return fmt.Errorf("%w: an amount of %d ms", ErrInvalid, n)
		}
	}
	return nil
}

func checkHour(at time.Time, amounts []int64) error {
	return errors.Join(checkInstant(at), errIf(at.Unix()%3600 != 0, "an hour that does not begin on one"),
		errIf(len(amounts) > len(minutes{}), "an hour of more than 60 minutes"), checkAmounts(amounts...))
}

// checkInstant keeps times whole seconds, and sums of them far from overflow.
func checkInstant(at time.Time) error {
	return errIf(at.Nanosecond() != 0 || at.Year() < 1970 || at.Year() > 9000 || at.Location() != time.UTC, "a time that is not a whole second of UTC")
}

// wholeSecond is an instant of an entry: never before it.
func wholeSecond(micros int64) time.Time {
	return time.UnixMicro(micros + 999_999).UTC().Truncate(time.Second)
}

// windowDate writes a window's id: "" for Rolling.
func windowDate(u Unit, id int64) string {
	if u == Rolling {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", id/10_000, id/100%100, id%100)
}

func parseWindowID(u Unit, date string) (int64, error) {
	if u == Rolling {
		return 0, errIf(date != "", "a rolling window with a date")
	}
	at, err := time.Parse(time.DateOnly, date)
	if err != nil || at.Year() < 1970 || windowID(u, at, time.UTC) != windowID(Day, at, time.UTC) {
		return 0, fmt.Errorf("%w: %q is no date on which a %s begins", ErrInvalid, date, u)
	}
	return windowID(u, at, time.UTC), nil
}
