package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// scriptGift is a Gift as grant.lua reads it.
type scriptGift struct {
	ID    string `json:"id"` // escaped
	MS    int64  `json:"ms"`
	Most  int64  `json:"most"`
	Times int    `json:"times"`
}

// Grant is Granter.Grant.
func (r *Redis) Grant(ctx context.Context, g Gift) (out Given, err error) {
	if err := checkGift(g); err != nil {
		return Given{}, err
	}
	err = r.do(ctx, "grant", func(ctx context.Context) error {
		out, err = r.grant(ctx, g)
		return err
	})
	if err != nil {
		return Given{}, err
	}
	return out, nil
}

func (r *Redis) grant(ctx context.Context, g Gift) (Given, error) {
	p := &part{tag: tag(g.Scope.Owner), scopes: []Scope{g.Scope}, places: []int{0}}
	c := r.call(p, "", "-")
	c.Gift = &scriptGift{ID: escape(g.ID, ""), MS: g.MS, Most: MaxGift, Times: maxGifts}
	a, at, err := r.run(ctx, r.scripts.grant, p, c)
	if err != nil {
		return Given{}, err
	}
	word := a.text()
	out := Given{MS: a.number(), Before: a.number(), After: a.number(), At: at}
	balances := make([]Balance, 1)
	if err := p.fill(balances, a, at, r.loc); err != nil {
		return Given{}, err
	}
	out.Balance = balances[0]
	switch word {
	case "given":
	case "again":
		out.Repeated = true
	case "other":
		return Given{}, fmt.Errorf("grant %q: %w", g.ID, ErrOtherGift)
	case "none":
		return Given{}, errNothingGiven
	case "most":
		return Given{}, errTooMuch(out.Before)
	case "times":
		return Given{}, errTooOften
	default:
		return Given{}, errAnswer
	}
	return out, nil
}

// takenGift is a mark as grant.lua has it.
type takenGift struct {
	Budget string `json:"b"`
	Unit   Unit   `json:"u"`
	Asked  int64  `json:"asked"`
	MS     int64  `json:"ms"`
	Before int64  `json:"before"`
	After  int64  `json:"after"`
	End    int64  `json:"e"`
}

func (r *Redis) takenGranted(e *GrantedEntry) taken {
	h := r.takenHold(HoldEntry{Budget: e.Budget, Unit: e.Unit, Window: e.Window})
	out := taken{tag: tag(e.Owner), main: true, Kind: "granted", Hold: &h}
	for _, g := range e.gifts() {
		out.Gifts = append(out.Gifts, [2]int64{g.minute, g.ms})
	}
	return out
}

func takenGiftMark(e *GrantEntry) taken {
	return taken{tag: tag(e.Owner), main: true, Kind: "grant", ID: escape(e.ID, ""), Ends: e.Until.Unix(), Mark: &takenGift{
		escape(e.Budget, ""), e.Unit, e.Asked, e.Done, e.Before, e.After, e.Until.Unix(),
	}}
}

// tellBudget is what was charged in a window, and what was granted in it.
func (r *Redis) tellBudget(rec record, a *answer, now time.Time) (out []Entry, err error) {
	h, err := rec.hold()
	spent := a.number()
	var all gifts
	a.list(func(p *answer) { all = append(all, gift{p.number(), p.number()}) })
	if err := errors.Join(err, a.end()); err != nil {
		return nil, err
	}
	if e, counts := r.charged(h, spent, now); counts && h.Unit != Rolling {
		out = append(out, e)
	}
	if e, counts := grantedEntry(h, all, r.loc, now); counts {
		out = append(out, e)
	}
	return out, nil
}

func tellGiftMark(rec record, a *answer, now time.Time) (Entry, bool, error) {
	budget, err := plainName(a.text())
	m := giftMark{Budget: budget, Unit: Unit(a.text()), Asked: a.number(), MS: a.number(), Before: a.number(), After: a.number(), End: a.number()}
	return Entry{Grant: grantEntry(rec.owner, rec.name, m)}, m.End > now.Unix(), errors.Join(err, a.end())
}
