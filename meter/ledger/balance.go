package ledger

import "time"

// holdFor is the budget and window that a scope means at now. A clock that went
// back must not open a window for the second time: a stream stays in the window
// it is in, and everyone stays in a window that was begun and starts within 24 h.
// A clock that was further ahead was wrong, and its windows are left.
func (b book) holdFor(v view, s Scope, held []hold, now time.Time) hold {
	h := hold{Budget: s.Budget, Owner: s.Owner, Unit: s.Window.Unit, Window: windowID(s.Window.Unit, now, b.loc)}
	if h.Unit == Rolling {
		return h
	}
	for _, o := range held {
		if o.Budget == h.Budget && o.Owner == h.Owner && o.Unit == h.Unit && o.Window > h.Window {
			h.Window = o.Window
		}
	}
	next := h
	next.Window = windowID(h.Unit, now.Add(24*time.Hour), b.loc)
	if next.Window > h.Window && v.get(balanceKey(next)) != nil {
		return next
	}
	return h
}

// move charges spent and changes what is in hand. An amount given back to a
// balance that was swept meanwhile is gone with it.
func (b book) move(t table, h hold, spent, hand int64, at time.Time) error {
	if h.Unit == Rolling {
		if err := addMinute(t, rollingSeries(h.Budget, h.Owner), at, spent); err != nil {
			return err
		}
		spent = 0
	}
	if spent == 0 && hand == 0 {
		return nil
	}
	k := balanceKey(h)
	old := t.get(k)
	x, err := decodeBalance(old)
	if err != nil {
		return err
	}
	x.Spent, x.Hand = plus(x.Spent, spent), max(plus(x.Hand, hand), 0)
	if x == (balance{}) {
		// A calendar window stays, to show that it was begun.
		if h.Unit == Rolling {
			return t.delete(k)
		}
		if old == nil {
			return nil
		}
	}
	if old == nil && h.Unit != Rolling {
		if err := expireAt(t, k, windowEnd(h.Unit, h.Window, b.loc).Add(keepUsage)); err != nil {
			return err
		}
	}
	return t.put(k, x.encode())
}

// read is a scope's balance in the window of h.
func (b book) read(v view, s Scope, h hold, now time.Time) (Balance, error) {
	x, err := decodeBalance(v.get(balanceKey(h)))
	if err != nil {
		return Balance{}, err
	}
	granted, err := b.grantedIn(v, s, h, now)
	if err != nil {
		return Balance{}, err
	}
	out := Balance{Budget: s.Budget, Window: s.Window, Limit: s.Limit, Granted: granted, Shadow: s.Shadow, Used: plus(x.Spent, x.Hand)}
	if h.Unit == Rolling {
		sum, oldest, found, err := sumMinutes(v, rollingSeries(s.Budget, s.Owner), firstMinute(now, s.Window.Length))
		if err != nil {
			return Balance{}, err
		}
		out.Used = plus(sum, x.Hand)
		if !found {
			oldest = minuteOf(now)
		}
		if out.Used > 0 {
			out.Resets = time.Unix((oldest+1)*60, 0).Add(s.Window.Length).In(b.loc)
		}
	} else {
		out.Resets = windowEnd(h.Unit, h.Window, b.loc)
	}
	out.Remaining = max(plus(s.Limit, granted)-out.Used, 0)
	return out, nil
}
