package ledger

import (
	"errors"
	"time"
)

// mostGiftMinutes bounds an entry: stores that come together in one have more than one of them may, and no more than there are minutes.
const mostGiftMinutes = int(keepUsage/bucket) + 60

// GrantedEntry is what was granted of a budget in one window, beside its limit.
type GrantedEntry struct {
	Budget  string    `json:"budget"`
	Owner   string    `json:"owner"`
	Unit    Unit      `json:"unit"`
	Window  string    `json:"window,omitempty"` // as of BalanceEntry; "" for Rolling
	Granted []GivenAt `json:"granted"`          // one in a calendar window
}

// GivenAt is an amount and, in a rolling window, the minute in which it was given.
type GivenAt struct {
	Minute time.Time `json:"minute,omitzero"`
	MS     int64     `json:"ms"`
}

// GrantEntry is the mark that a grant was carried out: whoever asks for it again is told this.
type GrantEntry struct {
	ID     string    `json:"id"`
	Owner  string    `json:"owner"`
	Budget string    `json:"budget"`
	Unit   Unit      `json:"unit"`
	Asked  int64     `json:"asked_ms"`
	Done   int64     `json:"done_ms"`
	Before int64     `json:"before_ms"`
	After  int64     `json:"after_ms"`
	Until  time.Time `json:"until"`
}

func (e *GrantedEntry) validate() error {
	faults := []error{
		checkHold(HoldEntry{Budget: e.Budget, Owner: e.Owner, Unit: e.Unit, Window: e.Window}),
		errIf(len(e.Granted) == 0 || len(e.Granted) > mostGiftMinutes || e.Unit != Rolling && len(e.Granted) > 1, "a number of grants that no window has"),
	}
	for _, g := range e.Granted {
		faults = append(faults, checkAmounts(g.MS), errIf(g.MS == 0, "a grant of nothing"))
		if e.Unit == Rolling {
			faults = append(faults, checkInstant(g.Minute), errIf(g.Minute.Unix()%60 != 0, "a minute that does not begin on one"))
		} else {
			faults = append(faults, errIf(!g.Minute.IsZero(), "a minute in a calendar window"))
		}
	}
	return errors.Join(faults...)
}

func (e *GrantEntry) validate() error {
	s := Scope{Budget: e.Budget, Owner: e.Owner, Window: Window{Unit: e.Unit, Length: bucket}}
	return errors.Join(
		checkGift(Gift{ID: e.ID, Scope: s, MS: e.Asked}), checkText(e.ID), checkText(e.Budget), checkText(e.Owner),
		checkAmounts(max(e.Done, -e.Done), e.Before, e.After), checkInstant(e.Until))
}

// gifts are those of an entry that was validated.
func (e *GrantedEntry) gifts() (out gifts) {
	for _, g := range e.Granted {
		minute := int64(0)
		if e.Unit == Rolling {
			minute = minuteOf(g.Minute)
		}
		out = append(out, gift{minute, g.MS})
	}
	return out
}

// grantedEntry hands out what was given in a window, as far as it counts.
func grantedEntry(h hold, all gifts, loc *time.Location, now time.Time) (_ Entry, counts bool) {
	e := &GrantedEntry{Budget: h.Budget, Owner: h.Owner, Unit: h.Unit, Window: windowDate(h.Unit, h.Window)}
	for _, g := range all.pruned(h.Unit, now) {
		at := GivenAt{MS: g.ms}
		if h.Unit == Rolling {
			at.Minute = time.Unix(g.minute*60, 0).UTC()
		}
		e.Granted = append(e.Granted, at)
	}
	over := h.Unit != Rolling && !windowEnd(h.Unit, h.Window, loc).Add(keepUsage).After(now)
	return Entry{Granted: e}, len(e.Granted) > 0 && !over
}

func grantEntry(owner, id string, m giftMark) *GrantEntry {
	return &GrantEntry{
		ID: id, Owner: owner, Budget: m.Budget, Unit: m.Unit, Asked: m.Asked, Done: m.MS, Before: m.Before, After: m.After,
		Until: time.Unix(m.End, 0).UTC(),
	}
}

func (b book) tellGifts(_ view, k, raw []byte, now time.Time) (Entry, bool, error) {
	p, rest, err := keyParts(k, 2)
	if err != nil || len(rest) != 9 {
		return Entry{}, false, errRecord
	}
	r, err := decodeGifts(raw)
	h := hold{Budget: p[0], Owner: p[1], Unit: byteUnit(rest[0]), Window: orderedAt(rest, 1)}
	if err != nil || h.Unit == "" {
		return Entry{}, false, errRecord
	}
	e, counts := grantedEntry(h, r.all, b.loc, now)
	return e, counts, nil
}

func (b book) tellGiftMark(_ view, k, raw []byte, now time.Time) (Entry, bool, error) {
	p, _, err := keyParts(k, 2)
	if err != nil {
		return Entry{}, false, err
	}
	m, err := decodeGiftMark(raw)
	return Entry{Grant: grantEntry(p[0], p[1], m)}, m.End > now.Unix(), err
}

// takeGifts adds to what is granted here. It is not bounded: what was promised elsewhere holds.
func (b book) takeGifts(t table, e *GrantedEntry, now time.Time) (kept, over bool, err error) {
	id, err := parseWindowID(e.Unit, e.Window)
	if err != nil {
		return false, false, err
	}
	h := hold{Budget: e.Budget, Owner: e.Owner, Unit: e.Unit, Window: id}
	more := e.gifts().pruned(h.Unit, now)
	if len(more) == 0 || h.Unit != Rolling && !windowEnd(h.Unit, id, b.loc).Add(keepUsage).After(now) {
		return false, true, nil
	}
	r, err := decodeGifts(t.get(giftsKey(h)))
	if err != nil {
		return false, false, err
	}
	for _, g := range more {
		r.all = r.all.add(g.minute, g.ms)
	}
	return false, false, b.putGifts(t, h, r.all, now)
}

func (b book) takeGiftMark(t table, e *GrantEntry, now time.Time) (kept, over bool, err error) {
	switch {
	case t.get(giftMarkKey(e.Owner, e.ID)) != nil:
		return true, false, nil
	case !e.Until.After(now):
		return false, true, nil
	}
	m := giftMark{Budget: e.Budget, Unit: e.Unit, Asked: e.Asked, MS: e.Done, Before: e.Before, After: e.After, End: e.Until.Unix()}
	return false, false, b.putGiftMark(t, e.Owner, e.ID, m)
}
