package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ErrOtherGift answers a Gift whose id was used before, with other words.
var ErrOtherGift = errors.New("this id stands for another grant")

// Gift is more of one budget than its limit, for whose it is, in the window that runs now. In a calendar window
// it ends with that. In a rolling one it counts like what is spent: from the minute in which it is given until that has
// left the window.
type Gift struct {
	// ID names it, for its owner: 1 to 128 bytes. Whoever asks again with the same words changes nothing, whatever window runs by then.
	ID    string
	Scope Scope // which budget, and whose
	MS    int64 // at most MaxGift; below 0 takes back what was given in the window, and no more
}

// MaxGift bounds a gift, and what is granted of a budget in one window, in milliseconds: 31 days.
const MaxGift = int64(31 * 24 * time.Hour / time.Millisecond)

const (
	maxGiftID = 128
	// maxGifts bounds the minutes of a rolling window in which something was given.
	maxGifts = 128
)

// Given is what became of a Gift.
type Given struct {
	MS            int64 // less was taken back than asked for where less had been given
	Before, After int64 // granted in the window
	Repeated      bool  // it was carried out before; the figures above are of then
	Balance       Balance
	At            time.Time // the store's clock
}

// Granter gives more of a budget than its limit.
type Granter interface {
	// Grant carries a gift out, once. Usage stays what it is; running streams have it with their next lease.
	Grant(ctx context.Context, g Gift) (Given, error)
}

func checkGift(g Gift) error {
	switch {
	case g.ID == "" || len(g.ID) > maxGiftID:
		return fmt.Errorf("%w: id of a grant of %d bytes, 1 to %d are possible", ErrInvalid, len(g.ID), maxGiftID)
	case g.MS == 0 || g.MS > MaxGift || g.MS < -MaxGift:
		return fmt.Errorf("%w: a grant of %d ms; up to %d are possible, of either sign, and not none", ErrInvalid, g.MS, MaxGift)
	}
	return checkScopes([]Scope{g.Scope})
}

// What is said of gifts that are not carried out, whatever the store.
var (
	errNothingGiven = fmt.Errorf("%w: nothing is granted of this budget in the window that runs, so that nothing can be taken back", ErrInvalid)
	errTooOften     = fmt.Errorf("%w: more was granted at %d times in this rolling window; wait until one of them has left it", ErrInvalid, maxGifts)
)

func errTooMuch(before int64) error {
	return fmt.Errorf("%w: %d ms are granted of this budget in this window already; %d are possible in all", ErrInvalid, before, MaxGift)
}

// gifts are what was given of one budget in one window, by the minute and in order; in a calendar window all
// of it stands at minute 0.
type gifts []gift

type gift struct{ minute, ms int64 }

// from adds up what was given from a minute on.
func (g gifts) from(first int64) (sum int64) {
	for _, x := range g {
		if x.minute >= first {
			sum = plus(sum, x.ms)
		}
	}
	return sum
}

// add gives in a minute.
func (g gifts) add(minute, ms int64) gifts {
	i, found := slices.BinarySearchFunc(g, minute, func(x gift, m int64) int { return cmp.Compare(x.minute, m) })
	if !found {
		return slices.Insert(slices.Clone(g), i, gift{minute, ms})
	}
	out := slices.Clone(g)
	out[i].ms = plus(out[i].ms, ms)
	return out
}

// take takes back, of the newest first, what was given from a minute on.
func (g gifts) take(first, ms int64) gifts {
	out := slices.Clone(g)
	for i := len(out) - 1; i >= 0 && out[i].minute >= first; i-- {
		n := min(ms, out[i].ms)
		out[i].ms, ms = out[i].ms-n, ms-n
	}
	return slices.DeleteFunc(out, func(x gift) bool { return x.ms == 0 })
}

// pruned leaves out what is in no window any more.
func (g gifts) pruned(u Unit, now time.Time) gifts {
	if u != Rolling {
		return g
	}
	oldest := firstMinute(now, keepUsage)
	return slices.DeleteFunc(slices.Clone(g), func(x gift) bool { return x.minute < oldest })
}

// change carries a gift out on what was given from a minute on before; minute is now's.
func (g gifts) change(ms, first, minute int64) (out gifts, done int64, err error) {
	before := g.from(first)
	switch {
	case ms < 0 && before == 0:
		return g, 0, errNothingGiven
	case ms < 0:
		done = max(ms, -before)
		return g.take(first, -done), done, nil
	case before+ms > MaxGift:
		return g, 0, errTooMuch(before)
	}
	if out = g.add(minute, ms); len(out) > maxGifts {
		return g, 0, errTooOften
	}
	return out, ms, nil
}

// giftMinutes is the minute from which gifts count in a window, and that of one that is given now.
func giftMinutes(w Window, now time.Time) (first, minute int64) {
	if w.Unit != Rolling {
		return 0, 0
	}
	return firstMinute(now, w.Length), minuteOf(now)
}

// grantedIn is what was given of a scope's budget in the window of h.
func (b book) grantedIn(v view, s Scope, h hold, now time.Time) (int64, error) {
	r, err := decodeGifts(v.get(giftsKey(h)))
	if err != nil {
		return 0, err
	}
	first, _ := giftMinutes(s.Window, now)
	return r.all.from(first), nil
}

// grant is Granter.Grant.
func (b book) grant(t table, g Gift, now time.Time) (Given, error) {
	s := g.Scope
	h := b.holdFor(t, s, nil, now)
	was, err := decodeGiftMark(t.get(giftMarkKey(s.Owner, g.ID)))
	if err != nil {
		return Given{}, err
	}
	out := Given{MS: was.MS, Before: was.Before, After: was.After, Repeated: was.End != 0, At: now}
	switch {
	case !out.Repeated:
		if out, err = b.give(t, g, h, now); err != nil {
			return Given{}, err
		}
	case !was.means(g):
		return Given{}, fmt.Errorf("grant %q: %w", g.ID, ErrOtherGift)
	}
	out.Balance, err = b.read(t, s, h, now)
	return out, err
}

// give is the part of grant that is done once.
func (b book) give(t table, g Gift, h hold, now time.Time) (Given, error) {
	old, err := decodeGifts(t.get(giftsKey(h)))
	if err != nil {
		return Given{}, err
	}
	first, minute := giftMinutes(g.Scope.Window, now)
	all, done, err := old.all.pruned(h.Unit, now).change(g.MS, first, minute)
	if err != nil {
		return Given{}, err
	}
	out := Given{MS: done, Before: old.all.from(first), After: all.from(first), At: now}
	if err := b.putGifts(t, h, all, now); err != nil {
		return Given{}, err
	}
	end := windowEnd(h.Unit, h.Window, b.loc)
	if h.Unit == Rolling {
		end = now.Add(g.Scope.Window.Length)
	}
	mark := giftMark{Budget: h.Budget, Unit: h.Unit, Asked: g.MS, MS: done, Before: out.Before, After: out.After, End: end.Add(keepUsage).Unix()}
	return out, b.putGiftMark(t, h.Owner, g.ID, mark)
}

// putGifts writes what is given in a window. A calendar window is begun with it, so that a clock which goes back does
// not leave it.
func (b book) putGifts(t table, h hold, all gifts, now time.Time) error {
	end := windowEnd(h.Unit, h.Window, b.loc).Add(keepUsage)
	if h.Unit == Rolling {
		end = now.Add(keepUsage + bucket)
	} else if k := balanceKey(h); t.get(k) == nil {
		if err := errors.Join(expireAt(t, k, end), t.put(k, balance{}.encode())); err != nil {
			return err
		}
	}
	k := giftsKey(h)
	old, err := decodeGifts(t.get(k))
	if err != nil {
		return err
	}
	if err := expireAnew(t, k, old.end, end); err != nil {
		return err
	}
	return t.put(k, giftsRecord{end: end.Unix(), all: all}.encode())
}

func (b book) putGiftMark(t table, owner, id string, m giftMark) error {
	k := giftMarkKey(owner, id)
	return errors.Join(expireAt(t, k, time.Unix(m.End, 0)), t.put(k, m.encode()))
}

// Grant is Granter.Grant.
func (m *Memory) Grant(ctx context.Context, g Gift) (out Given, err error) {
	if err := checkGift(g); err != nil {
		return Given{}, err
	}
	err = m.do(ctx, "grant", func(t table, now time.Time) error {
		out, err = m.book.grant(t, g, now)
		return err
	})
	return out, err
}

// Grant is Granter.Grant; it is on the disk when it returns.
func (e *Embedded) Grant(ctx context.Context, g Gift) (Given, error) {
	if err := checkGift(g); err != nil {
		return Given{}, err
	}
	var out Given
	err := e.write(ctx, "grant", func(t table, now time.Time) (err error) {
		out, err = e.book.grant(t, g, now)
		return err
	})
	if err != nil {
		return Given{}, err
	}
	return out, nil
}
