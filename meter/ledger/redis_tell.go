package ledger

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// ttlSlack is SLACK of book.lua: how much longer a record lives than it counts.
const ttlSlack = 2 * time.Hour

// tell reads one record. What is of no day has no entries: lists that others make anew, evidence,
// what other imports have counted. A kind that is not known is somebody's money perhaps.
func (r *Redis) tell(ctx context.Context, key string) ([]Entry, error) {
	rec, ok := r.names.parse(key)
	if !ok {
		return nil, errRecord
	}
	switch rec.kind {
	case "probe", "gateways", "users", "import", "open", "sessions", "slots", "beats", "reminder":
		return nil, nil
	case "stream":
		return r.tellStream(ctx, rec)
	case "due":
		return r.tellReminders(ctx)
	}
	one := func(e Entry, counts bool, err error) ([]Entry, error) {
		if err != nil || !counts {
			return nil, err
		}
		return []Entry{e}, nil
	}
	a, err := r.read(ctx, rec.key, rec.kind)
	if a == nil || err != nil {
		return nil, err
	}
	now := r.guess()
	switch rec.kind {
	case "state":
		e := &StateEntry{User: rec.user(), Version: a.number(), Data: []byte(a.text())}
		return one(Entry{State: e}, true, a.end())
	case "budget":
		return r.tellBudget(rec, a, now)
	case "grant":
		return one(tellGiftMark(rec, a, now))
	case "rolling", "audio", "speech":
		return rec.minutes(a, now)
	case "settled":
		end := now.Add(time.Duration(a.number())*time.Millisecond - ttlSlack).UTC().Truncate(time.Second)
		e := &SettledEntry{Stream: rec.name, User: rec.user(), Until: end}
		return one(Entry{Settled: e}, rec.user() != "" && end.After(now), a.end())
	case "note":
		end := wholeSecond(a.number())
		e := &NoteEntry{Key: []byte(rec.name), Value: []byte(a.text()), Until: end}
		return one(Entry{Note: e}, end.After(now), a.end())
	}
	return nil, fmt.Errorf("it is of a kind that this sttgate does not know (%q): export with the release that wrote it", rec.kind)
}

// read asks for a record in plain form; nil where it is gone.
func (r *Redis) read(ctx context.Context, key, kind string) (*answer, error) {
	v, err := r.scripts.tell.Run(ctx, r.db, []string{key}, kind).Slice()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &answer{v: v}, nil
}

// record is a key, taken apart.
type record struct{ key, owner, kind, name string }

// user is whose it is; "" for another owner's.
func (c record) user() string {
	user, ok := strings.CutPrefix(c.owner, userOwner(""))
	if !ok {
		return ""
	}
	return user
}

// hold reads the name of a balance.
func (c record) hold() (hold, error) {
	p := strings.Split(c.name, ":")
	if len(p) != 3 {
		return hold{}, errRecord
	}
	budget, err := plainName(p[0])
	window, err2 := strconv.ParseInt(p[2], 10, 64)
	h := hold{Budget: budget, Owner: c.owner, Unit: Unit(p[1]), Window: window}
	if unitByte(h.Unit) == 0 {
		err2 = errRecord
	}
	return h, errors.Join(err, err2)
}

// minutes reads a series, an hour to an entry.
func (c record) minutes(a *answer, now time.Time) (out []Entry, err error) {
	for len(a.v) > 0 && !a.bad {
		row, _ := a.next().([]any)
		in := &answer{v: row}
		h := in.number()
		var m minutes
		for i := range m {
			m[i] = in.number()
		}
		a.bad = a.bad || in.bad
		if spent := m.trimmed(); len(spent) > 0 && hourEnd(h).After(now) {
			out = append(out, c.hour(time.Unix(h*3600, 0).UTC(), append([]int64{}, spent...)))
		}
	}
	return out, a.end()
}

func (c record) hour(at time.Time, spent []int64) Entry {
	if c.kind == "audio" {
		return Entry{Audio: &AudioEntry{User: c.user(), Hour: at, Forwarded: spent}}
	}
	if c.kind == "speech" {
		return Entry{Speech: &SpeechEntry{User: c.user(), Hour: at, Spoken: spent}}
	}
	return Entry{Minutes: &MinutesEntry{Budget: c.name, Owner: c.owner, Hour: at, Spent: spent}}
}

// minute is one amount in a series.
func (c record) minute(at time.Time, ms int64) Entry {
	minute := minuteOf(at)
	h := floorDiv(minute, 60)
	spent := make([]int64, minute-h*60+1)
	spent[len(spent)-1] = ms
	return c.hour(time.Unix(h*3600, 0).UTC(), spent)
}

// charged is an amount of one budget: in its window, or in a minute.
func (r *Redis) charged(h hold, ms int64, at time.Time) (e Entry, counts bool) {
	if h.Unit == Rolling {
		return record{kind: "rolling", owner: h.Owner, name: h.Budget}.minute(at, ms), ms > 0
	}
	e = Entry{Balance: &BalanceEntry{Budget: h.Budget, Owner: h.Owner, Unit: h.Unit, Window: windowDate(h.Unit, h.Window), Spent: ms}}
	return e, ms > 0 && windowEnd(h.Unit, h.Window, r.loc).Add(keepUsage).After(r.guess())
}
