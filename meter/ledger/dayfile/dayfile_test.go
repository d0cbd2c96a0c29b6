package dayfile_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/meter/ledger/dayfile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func noon() time.Time { return time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC) }

// file is a small file of every kind of record.
func file(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := dayfile.NewWriter(&b, dayfile.Header{Version: 2, ID: "X", At: noon(), Store: "embedded", Timezone: "UTC"})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []ledger.Entry{
		{State: &ledger.StateEntry{User: "ann", Version: 2, Data: []byte(`{"stage":"restrict"}`)}},
		{Balance: &ledger.BalanceEntry{Budget: "daily", Owner: "user:ann", Unit: ledger.Day, Window: "2026-11-25", Spent: 90_000}},
		{Minutes: &ledger.MinutesEntry{Budget: "hourly", Owner: "all", Hour: noon(), Spent: []int64{0, 5000}}},
		{Audio: &ledger.AudioEntry{User: "ann", Hour: noon(), Forwarded: []int64{95_000}}},
		{Reservation: &ledger.ReservationEntry{
			Stream: "job", User: "ann", Ceiling: 7000, Peak: 7000, Seen: noon(), Until: noon().Add(24 * time.Hour),
			Holds: []ledger.HoldEntry{{Budget: "daily", Owner: "user:ann", Unit: ledger.Day, Window: "2026-11-25", Granted: 7000}},
		}},
		{Settled: &ledger.SettledEntry{Stream: "s<1>", User: "ann", Until: noon().Add(time.Hour)}},
		{Note: &ledger.NoteEntry{Key: []byte("k\xff"), Value: []byte{}, Until: noon().Add(time.Hour)}},
		{Granted: &ledger.GrantedEntry{Budget: "daily", Owner: "user:ann", Unit: ledger.Day, Window: "2026-11-25", Granted: []ledger.GivenAt{{MS: 600_000}}}},
		{Granted: &ledger.GrantedEntry{Budget: "hourly", Owner: "user:ann", Unit: ledger.Rolling, Granted: []ledger.GivenAt{{Minute: noon(), MS: 1}}}},
		{Grant: &ledger.GrantEntry{ID: "x", Owner: "user:ann", Budget: "daily", Unit: ledger.Day, Asked: -1, Done: -1, Before: 600_001, After: 600_000, Until: noon()}},
		{Reminder: &ledger.ReminderEntry{Key: []byte("k\xff"), Value: []byte("v"), At: noon()}},
	} {
		if err := w.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestADamagedOrForeignFileIsRefusedWithItsLine(t *testing.T) {
	good := string(file(t))
	lines := strings.SplitAfter(good, "\n")
	change := func(from, to string) string { return strings.Replace(good, from, to, 1) }
	for name, c := range map[string]struct {
		text string
		line int64
		is   error
		says string
	}{
		"nothing":                     {"", 1, dayfile.ErrDamaged, "not copied whole"},
		"something else":              {"hello\n", 1, dayfile.ErrDamaged, "no export of a ledger"},
		"a usage event":               {`{"user":"ann"}` + "\n", 1, dayfile.ErrDamaged, "no export of a ledger"},
		"another version":             {change(`"version":2`, `"version":3`), 1, dayfile.ErrVersion, "version 3, this sttgate reads 1 to 2"},
		"grants in an older version":  {change(`"version":2`, `"version":1`), 9, dayfile.ErrDamaged, "not an entry"},
		"a header with more":          {change(`"store":`, `"more":1,"store":`), 1, dayfile.ErrDamaged, "header"},
		"no id":                       {change(`"id":"X"`, `"id":""`), 1, dayfile.ErrDamaged, "header"},
		"no JSON":                     {change(lines[2], "{\n"), 3, dayfile.ErrDamaged, "not an entry"},
		"an empty line":               {change(lines[2], "\n"+lines[2]), 3, dayfile.ErrDamaged, "not an entry"},
		"a kind that nobody knows":    {change(`{"balance":`, `{"bonus":`), 3, dayfile.ErrDamaged, "not an entry"},
		"a member twice":              {change(`"spent_ms":90000`, `"spent_ms":90000,"spent_ms":1`), 3, dayfile.ErrDamaged, "not an entry"},
		"a member in another case":    {change(`"spent_ms":90000`, `"Spent_ms":90000`), 3, dayfile.ErrDamaged, "not an entry"},
		"two records in a line":       {change(`}}`+"\n"+`{"minutes"`, `},"minutes"`), 3, dayfile.ErrDamaged, "records, not one"},
		"a negative amount":           {change(`"spent_ms":90000`, `"spent_ms":-1`), 3, dayfile.ErrDamaged, "-1 ms"},
		"a smaller amount":            {change(`"spent_ms":90000`, `"spent_ms":1`), 13, dayfile.ErrDamaged, "was changed"},
		"a line less":                 {change(lines[2], ""), 12, dayfile.ErrDamaged, "10 entries stand above, 11 were written"},
		"the end is missing":          {strings.TrimSuffix(good, lines[12]), 13, dayfile.ErrDamaged, "not copied whole"},
		"the end of the end":          {strings.TrimSuffix(good, "\n"), 13, dayfile.ErrDamaged, "not copied whole"},
		"more behind the end":         {good + "\n", 14, dayfile.ErrDamaged, "more behind the end"},
		"two files":                   {good + good, 14, dayfile.ErrDamaged, "more behind the end"},
		"a line without end in sight": {lines[0] + strings.Repeat("x", 2<<20), 2, dayfile.ErrDamaged, "more than 1048576 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := dayfile.Verify(strings.NewReader(c.text), "day.jsonl")
			var f *dayfile.Fault
			if !errors.As(err, &f) || f.Line != c.line || !errors.Is(err, c.is) || !strings.HasPrefix(err.Error(), fmt.Sprintf("day.jsonl:%d: ", c.line)) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v, want line %d: %s", err, c.line, c.says)
			}
			last := error(nil)
			for _, err := range dayfile.Entries(strings.NewReader(c.text), "day.jsonl") {
				last = err
			}
			if last == nil || last.Error() != err.Error() {
				t.Errorf("the entries end with %v", last)
			}
		})
	}
	broken := errors.New("a disk that cannot be read")
	if _, _, err := dayfile.Verify(io.MultiReader(strings.NewReader(lines[0]), failing{broken}), "f"); !errors.Is(err, broken) || errors.Is(err, dayfile.ErrDamaged) {
		t.Errorf("%v", err)
	}
	if h, n, err := dayfile.Verify(strings.NewReader(good), "f"); err != nil || n != 11 || h.ID != "X" {
		t.Errorf("%+v, %d, %v", h, n, err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestAFileOfTheFirstVersionIsRead: its entries are as they were, and there were no grants.
func TestAFileOfTheFirstVersionIsRead(t *testing.T) {
	old := `{"sttgate_ledger":{"version":1,"id":"X","at":"2026-11-25T12:00:00Z","store":"embedded","timezone":"UTC"}}
{"balance":{"budget":"daily","owner":"user:ann","unit":"day","window":"2026-11-25","spent_ms":90000}}
{"end":{"entries":1,"sha256":"SUM"}}
`
	lines := strings.SplitAfter(old, "\n")
	sum := sha256.Sum256([]byte(lines[0] + lines[1]))
	old = strings.Replace(old, "SUM", hex.EncodeToString(sum[:]), 1)
	if h, n, err := dayfile.Verify(strings.NewReader(old), "f"); err != nil || n != 1 || h.Version != 1 {
		t.Errorf("%+v, %d, %v", h, n, err)
	}
}

func TestWhatCannotBeReadAgainIsNotWritten(t *testing.T) {
	w, err := dayfile.NewWriter(io.Discard, dayfile.NewHeader("memory", "UTC", time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(ledger.Entry{State: &ledger.StateEntry{User: "\xff", Version: 1}}); !errors.Is(err, ledger.ErrInvalid) || w.Entries() != 0 {
		t.Errorf("%v", err)
	}
	if a, b := dayfile.NewHeader("", "", noon()), dayfile.NewHeader("", "", noon()); a.ID == b.ID {
		t.Errorf("two exports with the id %s", a.ID)
	}
}

// TestADayGoesThroughAFileToTheMillisecond moves the day of a crashed embedded store.
func TestADayGoesThroughAFileToTheMillisecond(t *testing.T) {
	ctx, now, dir := t.Context(), noon(), t.TempDir()
	clock := func() time.Time { return now }
	from := embedded(t, dir, clock)
	scopes := func(user string) []ledger.Scope {
		return []ledger.Scope{
			{Budget: "daily", Owner: "user:" + user, Window: ledger.Window{Unit: ledger.Day}, Limit: 60_000},
			{Budget: "house", Owner: "all", Window: ledger.Window{Unit: ledger.Month}, Limit: 1 << 40},
			{Budget: "hourly", Owner: "user:" + user, Window: ledger.Window{Unit: ledger.Rolling, Length: time.Hour}, Limit: 50_000},
		}
	}
	const users = 700
	for i := range users {
		user := fmt.Sprint("user", i)
		r := ledger.Request{User: user, Stream: user, Scopes: scopes(user), Ceiling: int64(1000 + i)}
		if _, err := from.Lease(ctx, r); err != nil {
			t.Fatal(err)
		}
		if r.Spent = int64(i); i%3 > 0 { // a third is open when the gateway dies
			if _, err := from.Settle(ctx, r); err != nil {
				t.Fatal(err)
			}
		}
		if i%7 == 0 {
			if _, err := from.SetState(ctx, user, ledger.State{Data: []byte(user)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := from.Close(); err != nil {
		t.Fatal(err)
	}
	from = embedded(t, dir, clock)
	var b bytes.Buffer
	w, err := dayfile.NewWriter(&b, dayfile.NewHeader("embedded", "UTC", now))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(from.Export(ctx, w.Write), w.Close()); err != nil {
		t.Fatal(err)
	}
	h, n, err := dayfile.Verify(bytes.NewReader(b.Bytes()), "f")
	if err != nil || n != w.Entries() {
		t.Fatalf("%d of %d, %v", n, w.Entries(), err)
	}
	for name, to := range map[string]interface {
		ledger.Store
		ledger.Mover
	}{"memory": ledger.NewMemory(clock, nil), "embedded": embedded(t, t.TempDir(), clock)} {
		for range 2 {
			if _, err := to.Import(ctx, h.ID, false, dayfile.Entries(bytes.NewReader(b.Bytes()), "f")); err != nil {
				t.Fatal(err)
			}
		}
		for i := range users {
			q := ledger.Query{User: fmt.Sprint("user", i), Scopes: scopes(fmt.Sprint("user", i)), Windows: []time.Duration{time.Hour}}
			want, err1 := from.Usage(ctx, q)
			got, err2 := to.Usage(ctx, q)
			if err := errors.Join(err1, err2); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("%s: %v\n got %v\nwant %v", name, err, got, want)
			}
			spent := int64(i)
			if i%3 == 0 {
				spent = int64(1000 + i)
			}
			if got.Balances[0].Remaining != 60_000-spent || got.Balances[2].Remaining != 50_000-spent || got.Audio[0] != spent {
				t.Fatalf("%s: user %d: %+v, want %d spent", name, i, got, spent)
			}
		}
		if err := to.Close(); err != nil {
			t.Error(err)
		}
	}
}

func embedded(t *testing.T, dir string, now func() time.Time) *ledger.Embedded {
	t.Helper()
	s, err := ledger.OpenEmbedded(dir, time.UTC, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// FuzzVerify reads arbitrary bytes as a file. What is accepted comes out the same when it is
// written again, and no store is harmed by it.
func FuzzVerify(f *testing.F) {
	good := file(f)
	f.Add(good)
	f.Add(bytes.Replace(good, []byte("90000"), []byte("9000"), 1))
	f.Add([]byte(`{"sttgate_ledger":{"version":1,"id":"X","at":"2026-11-25T12:00:00Z","store":"","timezone":""}}` + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, n, err := dayfile.Verify(bytes.NewReader(b), "f")
		entries := int64(0)
		var again bytes.Buffer
		w, werr := dayfile.NewWriter(&again, h)
		for e, err := range dayfile.Entries(bytes.NewReader(b), "f") {
			if err != nil {
				continue
			}
			entries++
			werr = errors.Join(werr, w.Write(e))
		}
		if err != nil {
			return
		}
		if werr = errors.Join(werr, w.Close()); werr != nil || entries != n || !bytes.Equal(again.Bytes(), b) {
			t.Fatalf("%d entries of %d, %v:\n%s\n%s", entries, n, werr, b, again.Bytes())
		}
	})
}

// FuzzEntry imports what single lines say: no sum keeps strange ones out.
func FuzzEntry(f *testing.F) {
	for line := range bytes.SplitSeq(file(f), []byte("\n")) {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		e, ok := parse(line)
		if !ok {
			return
		}
		m := ledger.NewMemory(noon, nil)
		entries := func(yield func(ledger.Entry, error) bool) { yield(e, nil) }
		if _, err := m.Import(context.Background(), "x", false, entries); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if err := m.Export(context.Background(), func(out ledger.Entry) error { return out.Validate() }); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	})
}

// parse reads one line as a file's first entry.
func parse(line []byte) (e ledger.Entry, ok bool) {
	head := `{"sttgate_ledger":{"version":2,"id":"X","at":"2026-11-25T12:00:00Z","store":"","timezone":""}}` + "\n"
	for e, err := range dayfile.Entries(io.MultiReader(strings.NewReader(head), bytes.NewReader(line), strings.NewReader("\n")), "f") {
		return e, err == nil
	}
	return e, false
}
