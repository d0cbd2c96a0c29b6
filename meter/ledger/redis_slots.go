package ledger

import (
	"context"
	_ "embed" // the scripts
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed lua/slots.lua
	slotsLua string
	//go:embed lua/beat.lua
	beatLua string
)

// Take is Slots.Take over all gateways. What this one's own streams take is known without asking; the
// server is asked for the rest, and where it does not answer in time the own count decides.
func (r *Redis) Take(ctx context.Context, slots []Slot) (*Place, error) {
	if err := checkSlots(slots); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, during("take a place", err)
	}
	if r.closed.Load() {
		return nil, during("take a place", ErrClosed)
	}
	slots = append([]Slot(nil), slots...)
	if err := r.lines.roomHere(slots); err != nil {
		return nil, err
	}
	wait, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	p := &Place{}
	for i, s := range slots {
		dark, err := r.lines.take(ctx, wait, s)
		if err != nil {
			r.lines.give(slots[:i])
			return nil, err
		}
		if dark != nil && p.Dark == nil {
			p.Dark = during("take a place", dark)
		}
	}
	p.release = func() { r.lines.give(slots) }
	return p, nil
}

// Running is Slots.Running over all gateways that live.
func (r *Redis) Running(ctx context.Context, owner string) (n int, err error) {
	if err := checkOwner(owner); err != nil {
		return 0, err
	}
	err = r.do(ctx, "count places", func(ctx context.Context) error {
		all, err := r.db.HGetAll(ctx, r.names.owner(owner).slots()).Result()
		if err != nil {
			return err
		}
		others := map[string]int{}
		ids := []string{}
		for id, v := range all {
			if id == slotsSum || id == r.id {
				continue
			}
			_, count, ok := strings.Cut(v, ":")
			c, err := strconv.Atoi(count)
			if !ok || err != nil {
				return fmt.Errorf("places of %q: %w", owner, errRecord)
			}
			others[id], ids = c, append(ids, id)
		}
		n = r.lines.own(owner)
		if len(ids) == 0 {
			return nil
		}
		dead, err := r.beat(ctx, "", ids)
		if err != nil {
			return err
		}
		for _, id := range dead.ids {
			delete(others, id)
		}
		for _, c := range others {
			n += c
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// slotsTries is how often a call is asked again: for 75 ms in all, within the store's timeout.
const slotsTries = 4

// slotsSum is the field of the sum in an owner's hash.
const slotsSum = "n"

var (
	errLate  = errors.New("the call came later than it was meant")
	errOlder = errors.New("a newer call was carried out before")
)

// holder is another gateway's count of places, as it stood when it was read.
type holder struct{ id, value string }

// tell sends what this gateway holds of an owner's places, asks for more of them, and says how many it has
// then. It asks again where an answer is lost, and says so: the numbers are absolute. Holders that live no longer
// are taken out before it says no.
func (ls *lines) tell(ctx context.Context, owner string, held, more, limit int) (taken int, lost bool, err error) {
	r := ls.r
	err = r.do(ctx, "slots", func(ctx context.Context) error {
		began := time.Now()
		var dead []holder
		for tries := 0; ; tries++ {
			var others []holder
			if err = ls.alive(ctx); err == nil {
				until := r.guess().Add(r.timeout - time.Since(began))
				taken, others, err = ls.call(ctx, until, owner, held, more, limit, dead)
			}
			switch {
			case errors.Is(err, errLate) && tries < slotsTries: // its clock is another one; now we know it
			case err != nil && tries < slotsTries && passing(err):
				lost = true
				if err := pause(ctx, 5*time.Millisecond<<tries); err != nil {
					return err
				}
			case err != nil:
				return err
			case taken == held+more || len(others) == 0 || tries > slotsTries:
				return nil
			default:
				if dead, err = ls.dead(ctx, others); err != nil || len(dead) == 0 {
					return err
				}
			}
		}
	})
	return taken, lost, err
}

// call is one call of slots.lua.
func (ls *lines) call(ctx context.Context, until time.Time, owner string, held, more, limit int, dead []holder) (taken int, others []holder, err error) {
	r := ls.r
	args := []any{r.at(), until.UnixMicro(), r.id, ls.number.Add(1), held, more, limit}
	for _, h := range dead {
		args = append(args, h.id, h.value)
	}
	v, err := ls.slots.Run(ctx, r.db, pair(r.names.owner(owner).slots()), args...).Slice()
	if err != nil {
		return 0, nil, err
	}
	a := &answer{v: v}
	word, at := a.text(), a.number()
	if !a.bad {
		r.heard(at)
	}
	switch {
	case word == "late":
		return 0, nil, errLate
	case word == "old":
		return 0, nil, errOlder
	}
	taken = int(a.number())
	list := a.texts()
	if err := a.end(); err != nil || word != "ok" || len(list)%2 != 0 || taken < held || taken > held+more {
		return 0, nil, errAnswer
	}
	for i := 0; i < len(list); i += 2 {
		others = append(others, holder{list[i], list[i+1]})
	}
	return taken, others, nil
}

// dead are those of the holders whose gateways live no longer.
func (ls *lines) dead(ctx context.Context, all []holder) (out []holder, err error) {
	ids := make([]string, len(all))
	for i, h := range all {
		ids[i] = h.id
	}
	p, err := ls.r.beat(ctx, "", ids)
	if err != nil {
		return nil, err
	}
	gone := map[string]bool{}
	for _, id := range p.ids {
		gone[id] = true
	}
	for _, h := range all {
		if gone[h.id] {
			out = append(out, h)
		}
	}
	return out, nil
}

// pulse is the answer to a heartbeat.
type pulse struct {
	fresh bool     // the gateway was not known to live: what it holds may count no more
	ids   []string // of those asked for that do not live
}

// beat shows that a gateway lives, or nothing where its id is "", and asks who else does.
func (r *Redis) beat(ctx context.Context, id string, ask []string) (pulse, error) {
	args := []any{r.at(), slotsAge.Microseconds(), id}
	for _, other := range ask {
		args = append(args, other)
	}
	v, err := r.lines.beats.Run(ctx, r.db, pair(r.names.beats()), args...).Slice()
	if err != nil {
		return pulse{}, err
	}
	a := &answer{v: v}
	word, at, fresh := a.text(), a.number(), a.number()
	p := pulse{fresh: fresh == 1, ids: a.texts()}
	if err := a.end(); err != nil || word != "ok" {
		return pulse{}, errAnswer
	}
	r.heard(at)
	return p, nil
}

func (o owner) slots() string { return string(o) + "slots" }

func (n names) beats() string { return string(n.owner("gateways")) + "beats" }

// pair is a key and one that is never there: while a Cluster moves the slot it refuses a script that
// names both, and with one alone would run it where the slot is going, on nothing.
func pair(key string) []string { return []string{key, key + ":-"} }

// passing says whether to ask again at once may help.
func passing(err error) bool {
	switch Class(err) {
	case "network", "moved":
		return true
	}
	return false
}

// pause waits, or for the end of ctx.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// slotScripts are called by their hash, as scripts.
type slotScripts struct{ slots, beats *redis.Script }

func newSlotScripts() slotScripts {
	return slotScripts{slots: redis.NewScript(slotsLua), beats: redis.NewScript(beatLua)}
}
