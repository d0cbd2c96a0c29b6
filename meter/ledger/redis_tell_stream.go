package ledger

import (
	"context"
	"errors"
	"slices"
	"time"
)

// held is a stream's record at one owner.
type held struct {
	stream
	tags []string // of the other owners; in the user's own record
}

// heldBy reads what a stream holds of an owner; nil where it holds nothing.
func (r *Redis) heldBy(ctx context.Context, o owner, name, id string) (*held, error) {
	a, err := r.read(ctx, string(o)+"stream:"+escape(id, ""), "stream")
	if a == nil || err != nil {
		return nil, err
	}
	user, err := plainName(a.text())
	s := &held{stream: stream{User: user, Spent: a.number(), Ceiling: a.number(), Peak: a.number(), Seen: a.number(), Until: a.number(), Speech: a.number()}}
	s.tags = a.texts()
	a.list(func(b *answer) {
		budget, berr := plainName(b.text())
		h := hold{Budget: budget, Owner: name, Unit: Unit(b.text()), Window: b.number(), Base: b.number(), Granted: b.number()}
		err = errors.Join(err, berr)
		s.Holds = append(s.Holds, h)
	})
	return s, errors.Join(err, a.end())
}

// tellStream hands out one that is open as it would be charged if it never came back, at each owner by
// that one's record; and a reservation as one, by the user's own, with what it holds elsewhere.
func (r *Redis) tellStream(ctx context.Context, rec record) ([]Entry, error) {
	s, err := r.heldBy(ctx, r.names.owner(rec.owner), rec.owner, rec.name)
	if s == nil || err != nil {
		return nil, err
	}
	now := r.guess()
	own := rec.owner == userOwner(s.User)
	if s.Until > now.Unix() {
		if own {
			return r.tellReservation(ctx, rec.name, s)
		}
		first, err := r.heldBy(ctx, r.names.owner(userOwner(s.User)), "", rec.name)
		if err != nil || first != nil && first.Until > now.Unix() && slices.Contains(first.tags, tag(rec.owner)) {
			return nil, err // it goes with the user's own
		}
	}
	var out []Entry
	add := func(e Entry, counts bool) {
		if counts {
			out = append(out, e)
		}
	}
	spent, speech := s.unsettled()
	more := max(spent-s.Spent, 0)
	for _, h := range s.Holds {
		add(r.charged(h, more, s.seen()))
	}
	if own {
		add(record{kind: "audio", owner: rec.owner}.minute(s.seen(), more), more > 0 && hourEnd(floorDiv(s.Seen, 3600)).After(now))
		said := speech - s.Speech
		add(record{kind: "speech", owner: rec.owner}.minute(s.seen(), said), said > 0 && hourEnd(floorDiv(s.Seen, 3600)).After(now))
		end := later(now, time.Unix(s.Until, 0)).Add(keepSettled).UTC().Truncate(time.Second)
		add(Entry{Settled: &SettledEntry{Stream: rec.name, User: s.User, Until: end}}, true)
	}
	return out, nil
}

func (r *Redis) tellReservation(ctx context.Context, id string, s *held) ([]Entry, error) {
	var out []Entry
	e := &ReservationEntry{
		Stream: id, User: s.User, Spent: s.Spent, Ceiling: s.Ceiling, Peak: s.Peak, Speech: s.Speech,
		Seen: s.seen().UTC(), Until: time.Unix(s.Until, 0).UTC(),
	}
	holds := s.Holds
	for _, t := range s.tags {
		name, err := plainName(t)
		if err != nil {
			return nil, err
		}
		there, err := r.heldBy(ctx, r.names.tagged(t), name, id)
		if err != nil {
			return nil, err
		}
		if there == nil {
			continue
		}
		for _, h := range there.Holds {
			if behind := s.Spent - there.Spent; behind > 0 { // that owner has not heard of it all
				if e, counts := r.charged(h, behind, s.seen()); counts {
					out = append(out, e)
				}
				h.Granted = max(h.Granted, s.Spent-h.Base)
			}
			holds = append(holds, h)
		}
	}
	for _, h := range holds {
		e.Holds = append(e.Holds, HoldEntry{h.Budget, h.Owner, h.Unit, windowDate(h.Unit, h.Window), h.Base, h.Granted})
	}
	return append(out, Entry{Reservation: e}), nil
}
