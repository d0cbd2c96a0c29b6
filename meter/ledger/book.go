package ledger

import (
	"fmt"
	"slices"
	"time"
)

// book is the algorithm, the same for every store: it turns a request and the
// records of one transaction into an answer and new records. It has no state of
// its own; the transaction makes it safe.
type book struct{ loc *time.Location }

func newBook(loc *time.Location) book {
	if loc == nil {
		loc = time.UTC
	}
	return book{loc: loc}
}

func (b book) load(v view, r Request) (s stream, known bool, err error) {
	raw := v.get(key(keyStream, r.Stream))
	if raw == nil {
		return stream{User: r.User}, false, nil
	}
	if s, err = decodeStream(raw); err != nil {
		return s, true, fmt.Errorf("stream %q: %w", r.Stream, err)
	}
	if s.User != r.User {
		return s, true, fmt.Errorf("%w: stream %q belongs to another user", ErrInvalid, r.Stream)
	}
	return s, true, nil
}

// lease is Ledger.Lease; doc.go tells the steps.
func (b book) lease(t table, r Request, now time.Time) (Grant, error) {
	if t.get(key(keySettled, r.Stream)) != nil {
		return Grant{}, fmt.Errorf("stream %q: %w", r.Stream, ErrSettled)
	}
	s, known, err := b.load(t, r)
	if err != nil {
		return Grant{}, err
	}
	if known && r.Spent < s.Spent {
		return b.answer(t, s, r, now) // an older request, overtaken
	}
	if err := b.report(t, &s, r.Spent, r.Speech, now); err != nil {
		return Grant{}, err
	}
	if err := b.rebind(t, &s, r.Scopes, now); err != nil {
		return Grant{}, err
	}
	if s.Ceiling, err = b.ceiling(t, s, r, now); err != nil {
		return Grant{}, err
	}
	s.Peak, s.Seen = max(s.Peak, s.Ceiling), max(s.Seen, now.Unix())
	if err := b.keep(t, &s, r, now); err != nil {
		return Grant{}, err
	}
	if err := b.cover(t, &s, s.Ceiling, now); err != nil {
		return Grant{}, err
	}
	if err := t.put(key(keyStream, r.Stream), s.encode()); err != nil {
		return Grant{}, err
	}
	return b.answer(t, s, r, now)
}

// report books what was forwarded since the last report. Audio beyond the lease
// (forwarded while an answer that lowered the ceiling was on its way) is charged
// too, beyond the limit if need be: it was sent. Speech only grows: of two reports the one
// that has heard more is the newer.
func (b book) report(t table, s *stream, spent, speech int64, at time.Time) error {
	if err := b.cover(t, s, spent, at); err != nil {
		return err
	}
	more := spent - s.Spent
	for _, h := range s.Holds {
		if err := b.move(t, h, more, -more, at); err != nil {
			return err
		}
	}
	s.Spent = spent
	if err := addMinute(t, audioSeries(s.User), at, more); err != nil {
		return err
	}
	said := max(speech-s.Speech, 0)
	s.Speech += said
	return addMinute(t, speechSeries(s.User), at, said)
}

// cover raises every hold to a ceiling; none is lowered.
func (b book) cover(t table, s *stream, ceiling int64, at time.Time) error {
	for i := range s.Holds {
		h := &s.Holds[i]
		more := ceiling - h.Base - h.Granted
		if more <= 0 {
			continue
		}
		if err := b.move(t, *h, 0, more, at); err != nil {
			return err
		}
		h.Granted += more
	}
	return nil
}

// release gives a hold's unspent part back to the window it was taken from.
func (b book) release(t table, s *stream, h hold, at time.Time) error {
	return b.move(t, h, 0, -(h.Base + h.Granted - s.Spent), at)
}

// rebind makes the holds those of the scopes: what no longer applies is
// released, what is new begins at what was spent so far.
func (b book) rebind(t table, s *stream, scopes []Scope, now time.Time) error {
	holds := make([]hold, 0, len(scopes))
	for _, sc := range scopes {
		h := b.holdFor(t, sc, s.Holds, now)
		if slices.ContainsFunc(holds, h.same) {
			continue
		}
		h.Base = s.Spent
		if i := slices.IndexFunc(s.Holds, h.same); i >= 0 {
			h = s.Holds[i]
		}
		holds = append(holds, h)
	}
	for _, h := range s.Holds {
		if slices.ContainsFunc(holds, h.same) {
			continue
		}
		if err := b.release(t, s, h, now); err != nil {
			return err
		}
	}
	s.Holds = holds
	return nil
}

// ceiling is how far the stream may go: as far as it asks and as the scope with
// the least room lets it. A hold that goes on covers the ceiling of before, so
// only a scope that has just begun can lower it.
func (b book) ceiling(t view, s stream, r Request, now time.Time) (int64, error) {
	most := max(r.Ceiling, s.Ceiling, s.Spent)
	for _, sc := range r.Scopes {
		if sc.Shadow {
			continue
		}
		h := s.held(b.holdFor(t, sc, s.Holds, now))
		bal, err := b.read(t, sc, h, now)
		if err != nil {
			return 0, err
		}
		most = min(most, plus(h.Base+h.Granted, bal.Remaining))
	}
	return max(most, s.Spent), nil
}

// held is the hold of s in the same budget and window, or h.
func (s stream) held(h hold) hold {
	if i := slices.IndexFunc(s.Holds, h.same); i >= 0 {
		return s.Holds[i]
	}
	return h
}

func (b book) answer(v view, s stream, r Request, now time.Time) (Grant, error) {
	bals, err := b.balances(v, r.Scopes, s.Holds, now)
	if err != nil {
		return Grant{}, err
	}
	st, err := b.state(v, r.User)
	if err != nil {
		return Grant{}, err
	}
	return Grant{Ceiling: s.Ceiling, Balances: bals, State: st, At: now}, nil
}

func (b book) balances(v view, scopes []Scope, held []hold, now time.Time) ([]Balance, error) {
	out := make([]Balance, 0, len(scopes))
	for _, sc := range scopes {
		bal, err := b.read(v, sc, b.holdFor(v, sc, held, now), now)
		if err != nil {
			return nil, fmt.Errorf("budget %q: %w", sc.Budget, err)
		}
		out = append(out, bal)
	}
	return out, nil
}

// settle is Ledger.Settle. A stream that never leased is charged to the scopes
// named here. covered says that the stream would be charged no less if this settle
// were forgotten and the stream closed as an orphan.
func (b book) settle(t table, r Request, now time.Time) (u Usage, covered bool, err error) {
	q := Query{User: r.User, Scopes: r.Scopes}
	if err := b.lapse(t, now); err != nil { // first: this one's time may be over, too
		return Usage{}, false, err
	}
	if t.get(key(keySettled, r.Stream)) != nil {
		u, err = b.usage(t, q, nil, now)
		return u, false, err
	}
	s, known, err := b.load(t, r)
	if err != nil {
		return Usage{}, false, err
	}
	if !known {
		if !r.Ended.IsZero() && now.Sub(r.Ended) > keepSettled { // it was settled, and is forgotten
			u, err = b.usage(t, q, nil, now)
			return u, false, err
		}
		if err := b.rebind(t, &s, r.Scopes, now); err != nil {
			return Usage{}, false, err
		}
	}
	held := s.Holds
	if err := b.close(t, r.Stream, s, max(s.Spent, r.Spent), r.Speech, now, now); err != nil {
		return Usage{}, false, err
	}
	u, err = b.usage(t, q, held, now)
	return u, r.Spent <= s.Peak, err
}

// close charges a stream at one time, forgets it and leaves a mark that it is
// over, which counts from now.
func (b book) close(t table, id string, s stream, spent, speech int64, at, now time.Time) error {
	if err := b.report(t, &s, spent, speech, at); err != nil {
		return err
	}
	for _, h := range s.Holds {
		if err := b.release(t, &s, h, at); err != nil {
			return err
		}
	}
	if err := t.delete(key(keyStream, id)); err != nil {
		return err
	}
	over := now
	if s.Until != 0 {
		if err := t.delete(lapseKey(s.Until, id)); err != nil {
			return err
		}
		over = later(now, time.Unix(s.Until, 0)) // whoever was to settle it may still come
	}
	k := key(keySettled, id)
	if err := expireAt(t, k, over.Add(keepSettled)); err != nil {
		return err
	}
	return t.put(k, mark(s.User))
}

func (b book) usage(v view, q Query, held []hold, now time.Time) (Usage, error) {
	bals, err := b.balances(v, q.Scopes, held, now)
	if err != nil {
		return Usage{}, err
	}
	u := Usage{Balances: bals, At: now}
	for _, w := range q.Windows {
		audio, _, _, err := sumMinutes(v, audioSeries(q.User), firstMinute(now, w))
		if err != nil {
			return Usage{}, fmt.Errorf("usage of a user: %w", err)
		}
		speech, _, _, err := sumMinutes(v, speechSeries(q.User), firstMinute(now, w))
		if err != nil {
			return Usage{}, fmt.Errorf("speech of a user: %w", err)
		}
		u.Audio, u.Speech = append(u.Audio, audio), append(u.Speech, speech)
	}
	u.State, err = b.state(v, q.User)
	return u, err
}

func (b book) state(v view, user string) (State, error) {
	s, err := decodeState(v.get(key(keyState, user)))
	if err != nil {
		return State{}, fmt.Errorf("state of a user: %w", err)
	}
	return s, nil
}

func (b book) setState(t table, user string, s State) (State, error) {
	old, err := b.state(t, user)
	if err != nil {
		return State{}, err
	}
	if old.Version != s.Version {
		return State{}, fmt.Errorf("%w: version %d, not %d", ErrConflict, old.Version, s.Version)
	}
	s = State{Version: old.Version + 1, Data: append([]byte{}, s.Data...)}
	return s, t.put(key(keyState, user), encodeState(s))
}
