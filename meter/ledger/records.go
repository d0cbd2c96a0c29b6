package ledger

import (
	"encoding/binary"
	"errors"
	"time"
)

// recordVersion is the first byte of every record.
const recordVersion = 1

var errRecord = errors.New("stored record is damaged or of a newer version")

// hold is one budget that a stream has in hand: it may spend audio from Base to
// Base+Granted of its own time there.
type hold struct {
	Budget, Owner string
	Unit          Unit
	Window        int64 // windowID; 0 for Rolling
	Base          int64 // ms
	Granted       int64 // ms, at least spent-Base
}

func (h hold) same(o hold) bool {
	return h.Budget == o.Budget && h.Owner == o.Owner && h.Unit == o.Unit && h.Window == o.Window
}

// stream is what the ledger knows about a stream that is not settled.
type stream struct {
	User    string
	Spent   int64 // ms, the highest report
	Ceiling int64 // ms, of the newest grant
	Peak    int64 // ms, the highest ceiling ever granted: what a crash may have forwarded
	Seen    int64 // unix second of the newest lease
	Holds   []hold
	Until   int64 // unix second; who has not settled by then is charged; 0: it ends with its process
	Speech  int64 // ms, the highest report
}

func (s stream) encode() []byte {
	b := append(make([]byte, 0, 64+48*len(s.Holds)), recordVersion)
	b = appendText(b, s.User)
	for _, n := range []int64{s.Spent, s.Ceiling, s.Peak, s.Seen, int64(len(s.Holds))} {
		b = binary.AppendVarint(b, n)
	}
	for _, h := range s.Holds {
		b = appendText(appendText(b, h.Budget), h.Owner)
		b = append(b, unitByte(h.Unit))
		for _, n := range []int64{h.Window, h.Base, h.Granted} {
			b = binary.AppendVarint(b, n)
		}
	}
	if s.Until != 0 || s.Speech != 0 {
		b = binary.AppendVarint(b, s.Until)
	}
	if s.Speech != 0 { // most streams have none, and so had all of older versions
		b = binary.AppendVarint(b, s.Speech)
	}
	return b
}

func decodeStream(b []byte) (stream, error) {
	r := newReader(b)
	s := stream{User: r.text(), Spent: r.amount(), Ceiling: r.amount(), Peak: r.amount(), Seen: r.number()}
	n := r.number()
	if n < 0 || n > maxScopes || max(s.Spent, s.Ceiling, s.Peak) > maxAmount {
		return stream{}, errRecord
	}
	for range n {
		h := hold{Budget: r.text(), Owner: r.text(), Unit: byteUnit(r.byte()), Window: r.number(), Base: r.amount(), Granted: r.amount()}
		if r.bad || h.Unit == "" || h.Base > s.Spent || h.Granted < s.Spent-h.Base || h.Granted > maxAmount {
			return stream{}, errRecord
		}
		s.Holds = append(s.Holds, h)
	}
	if !r.bad && len(r.b) > 0 {
		s.Until = r.number()
	}
	if !r.bad && len(r.b) > 0 {
		s.Speech = r.amount()
	}
	if s.Speech > maxAmount {
		return stream{}, errRecord
	}
	return s, r.end()
}

// balance is one budget of one owner in one window.
type balance struct {
	Spent int64 // ms charged; for Rolling this is kept by the minute instead
	Hand  int64 // ms granted to streams and not charged yet
}

func (x balance) encode() []byte {
	b := append(make([]byte, 0, 16), recordVersion)
	return binary.AppendVarint(binary.AppendVarint(b, x.Spent), x.Hand)
}

func decodeBalance(b []byte) (balance, error) {
	if b == nil {
		return balance{}, nil
	}
	r := newReader(b)
	x := balance{Spent: r.amount(), Hand: r.amount()}
	return x, r.end()
}

func encodeState(s State) []byte {
	b := binary.AppendVarint(append(make([]byte, 0, 8+len(s.Data)), recordVersion), s.Version)
	return append(b, s.Data...)
}

// decodeState copies: the answer outlives the transaction.
func decodeState(b []byte) (State, error) {
	if b == nil {
		return State{}, nil
	}
	r := newReader(b)
	s := State{Version: r.amount()}
	if r.bad || s.Version == 0 {
		return State{}, errRecord
	}
	s.Data = append([]byte{}, r.b...)
	return s, nil
}

// minutes is an hour of amounts.
type minutes [60]int64

func (m *minutes) encode() []byte {
	all := m.trimmed()
	b := append(make([]byte, 0, 1+5*len(all)), recordVersion)
	for _, n := range all {
		b = binary.AppendVarint(b, n)
	}
	return b
}

func decodeMinutes(b []byte) (m minutes, err error) {
	if b == nil {
		return m, nil
	}
	r := newReader(b)
	for i := 0; len(r.b) > 0 && !r.bad; i++ {
		if i == len(m) {
			return minutes{}, errRecord
		}
		m[i] = r.amount()
	}
	return m, r.end()
}

// trimmed is the hour without the empty minutes at its end.
func (m *minutes) trimmed() []int64 {
	last := len(m)
	for last > 0 && m[last-1] == 0 {
		last--
	}
	return m[:last]
}

// mark is the record of a settled stream: whose it was.
func mark(user string) []byte { return appendText([]byte{recordVersion}, user) }

// markUser is "" where an older record does not tell.
func markUser(b []byte) string {
	r := newReader(b)
	user := r.text()
	if r.bad {
		return ""
	}
	return user
}

// reader reads a record; after the first fault it returns zeros.
type reader struct {
	b   []byte
	bad bool
}

func newReader(b []byte) *reader {
	if len(b) == 0 || b[0] != recordVersion {
		return &reader{bad: true}
	}
	return &reader{b: b[1:]}
}

func (r *reader) fail() { r.b, r.bad = nil, true }

func (r *reader) number() int64 {
	n, size := binary.Varint(r.b)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[size:]
	return n
}

// amount is a number that cannot be negative.
func (r *reader) amount() int64 {
	n := r.number()
	if n < 0 {
		r.fail()
		return 0
	}
	return n
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) text() string {
	n, size := binary.Uvarint(r.b)
	if size <= 0 || n > uint64(len(r.b[size:])) {
		r.fail()
		return ""
	}
	s := string(r.b[size:][:n])
	r.b = r.b[size:][n:]
	return s
}

func (r *reader) end() error {
	if r.bad || len(r.b) > 0 {
		return errRecord
	}
	return nil
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func (s stream) seen() time.Time { return time.Unix(s.Seen, 0) }

// unsettled is what a stream comes to that nobody settles: all that it was granted. Of a grant
// that was kept nobody has heard the words, and its audio stands in for them.
func (s stream) unsettled() (spent, speech int64) {
	spent, speech = max(s.Spent, s.Peak), s.Speech
	if s.Until != 0 {
		speech = max(speech, spent)
	}
	return spent, speech
}
