package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// part is what one owner has to do with a request: its scopes, and where they stand there.
type part struct {
	tag    string
	own    bool
	scopes []Scope
	places []int
	lost   bool // the newest answer could not tell what is used
}

// parts sorts scopes by their owners; the user is the first, with scopes or without.
func parts(user string, scopes []Scope) []*part {
	out := []*part{{tag: tag(userOwner(user)), own: true}}
	for i, s := range scopes {
		p := find(&out, tag(s.Owner))
		p.scopes, p.places = append(p.scopes, s), append(p.places, i)
	}
	return out
}

// find returns the part of a tag, which it adds where there is none.
func find(all *[]*part, tag string) *part {
	for _, p := range *all {
		if p.tag == tag {
			return p
		}
	}
	p := &part{tag: tag}
	*all = append(*all, p)
	return p
}

// others are the tags of all but the user.
func others(all []*part) []string {
	out := make([]string, 0, len(all))
	for _, p := range all[1:] {
		out = append(out, p.tag)
	}
	return out
}

// call is the argument for one part; what else it needs is the caller's to add.
func (r *Redis) call(p *part, user, stream string) scriptCall {
	return scriptCall{
		Prefix: r.names.tagged(p.tag), At: r.at(), User: escape(user, ""), Stream: escape(stream, ""), Own: p.own,
		Scopes: scriptScopes(p.scopes), Fair: r.fair.script(p.tag),
	}
}

// run asks a script, and once more where the server's clock is not what was thought. The
// answer begins behind its first word and the clock. Of leases and settles it says whether replicas have them.
func (r *Redis) run(ctx context.Context, s *redis.Script, p *part, c scriptCall) (*answer, time.Time, error) {
	for range 2 {
		c.Calendar = calendar(p.scopes, r.guess(), r.loc)
		arg, err := json.Marshal(c)
		if err != nil {
			return nil, time.Time{}, err
		}
		// One of the two is always missing. So while a Cluster moves the slot neither node runs the
		// script (TRYAGAIN): the one that it moves to would not see balances that are still elsewhere.
		keys := []string{string(c.Prefix) + "stream:" + c.Stream, string(c.Prefix) + "settled:" + c.Stream}
		id, _ := fairUser(p.tag)
		a := &answer{}
		if r.replicas.want > 0 && (s == r.scripts.lease || s == r.scripts.settle) {
			a.v, a.lone, err = r.written(ctx, s, keys, arg, id)
		} else {
			a.v, err = s.Run(ctx, r.db, keys, arg, id).Slice()
		}
		if err != nil {
			return nil, time.Time{}, err
		}
		word, at := a.text(), r.heard(a.number())
		switch {
		case a.bad:
			return nil, at, errAnswer
		case word == "ok":
			return a, at, nil
		case word == "settled":
			return nil, at, ErrSettled
		case word == "another":
			return nil, at, fmt.Errorf("%w: it belongs to another user", ErrInvalid)
		case word != "clock":
			return nil, at, errAnswer
		}
	}
	return nil, time.Time{}, errClock
}

// dayUnknown stands for the oldest minute where nobody knows what is used (lua/fair.lua).
const dayUnknown = -2

// fill puts an answer's balances where their scopes stand in the request.
func (p *part) fill(out []Balance, a *answer, at time.Time, loc *time.Location) error {
	i := 0
	a.list(func(b *answer) {
		window, used, oldest, granted := b.number(), b.number(), b.number(), b.number()
		p.lost = p.lost || oldest == dayUnknown
		if i < len(p.scopes) {
			out[p.places[i]] = balanceOf(p.scopes[i], window, used, oldest, granted, at, loc)
		}
		i++
	})
	if i != len(p.scopes) {
		a.bad = true
	}
	return a.end()
}

// balanceOf is what book.read makes of the same figures.
func balanceOf(s Scope, window, used, oldest, granted int64, at time.Time, loc *time.Location) Balance {
	out := Balance{
		Budget: s.Budget, Window: s.Window, Limit: s.Limit, Granted: granted, Shadow: s.Shadow, Used: used,
		Remaining: max(plus(s.Limit, granted)-used, 0),
	}
	switch {
	case s.Window.Unit != Rolling:
		out.Resets = windowEnd(s.Window.Unit, window, loc)
	case used > 0:
		if oldest < 0 {
			oldest = minuteOf(at)
		}
		out.Resets = time.Unix((oldest+1)*60, 0).Add(s.Window.Length).In(loc)
	}
	return out
}
