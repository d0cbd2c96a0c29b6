package ledger

import (
	"context"
	"encoding/json"
	"time"

	"github.com/redis/go-redis/v9"
)

// takeCall is the argument of take.lua: entries of one owner.
type takeCall struct {
	scriptCall

	ID      string  `json:"id"`
	Entries []taken `json:"entries"`

	data  []any // of records, behind the argument
	users []any // who get a record: redis.Z
	of    []int // where the entries stand in their part
}

// taken is an entry as take.lua reads it, or what of it is one owner's.
type taken struct {
	tag  string
	main bool // what becomes of this is what became of the entry
	data []byte
	user string // of a record

	Number  int64        `json:"number"`
	Kind    string       `json:"kind"`
	Version int64        `json:"version"`
	Data    int          `json:"data"` // which argument
	Hold    *takenHold   `json:"h,omitempty"`
	MS      int64        `json:"ms"`
	Name    string       `json:"name,omitempty"`
	Hour    int64        `json:"hour"`
	Minutes []int64      `json:"minutes,omitempty"` // never null
	Stream  string       `json:"stream,omitempty"`
	Own     bool         `json:"own"`
	Record  *takenStream `json:"record,omitempty"`
	Ends    int64        `json:"ends"`
	Gifts   [][2]int64   `json:"gifts,omitempty"`
	ID      string       `json:"id,omitempty"` // of a grant
	Mark    *takenGift   `json:"mark,omitempty"`
}

// takenHold and takenStream are as book.lua has them.
type takenHold struct {
	Budget  string `json:"b"`
	Unit    Unit   `json:"u"`
	Window  int64  `json:"w"`
	Ends    int64  `json:"e"`
	Base    int64  `json:"f"`
	Granted int64  `json:"g"`
}

type takenStream struct {
	User    string      `json:"u"`
	Spent   int64       `json:"s"`
	Ceiling int64       `json:"c"`
	Peak    int64       `json:"p"`
	Before  int64       `json:"o"`
	Seen    int64       `json:"n"`
	Until   int64       `json:"k"`
	Speech  int64       `json:"w"`
	Number  string      `json:"q"`
	Tags    []string    `json:"g"`
	Holds   []takenHold `json:"h"`
}

// taken sorts an entry by its owners.
func (r *Redis) taken(e Entry) []taken {
	switch {
	case e.State != nil:
		return []taken{{tag: tag(userOwner(e.State.User)), main: true, Kind: "state", Version: e.State.Version, data: e.State.Data, user: e.State.User}}
	case e.Balance != nil:
		h := r.takenHold(HoldEntry{Budget: e.Balance.Budget, Unit: e.Balance.Unit, Window: e.Balance.Window})
		return []taken{{tag: tag(e.Balance.Owner), main: true, Kind: "balance", Hold: &h, MS: e.Balance.Spent}}
	case e.Minutes != nil:
		name := "rolling:" + escape(e.Minutes.Budget, "")
		return []taken{{tag: tag(e.Minutes.Owner), main: true, Kind: "minutes", Name: name, Hour: e.Minutes.Hour.Unix() / 3600, Minutes: e.Minutes.Spent}}
	case e.Audio != nil:
		return []taken{{tag: tag(userOwner(e.Audio.User)), main: true, Kind: "minutes", Name: "audio", Hour: e.Audio.Hour.Unix() / 3600, Minutes: e.Audio.Forwarded}}
	case e.Speech != nil:
		return []taken{{tag: tag(userOwner(e.Speech.User)), main: true, Kind: "minutes", Name: "speech", Hour: e.Speech.Hour.Unix() / 3600, Minutes: e.Speech.Spoken}}
	case e.Settled != nil:
		return []taken{{tag: tag(userOwner(e.Settled.User)), main: true, Kind: "settled", Stream: escape(e.Settled.Stream, ""), Ends: e.Settled.Until.Unix()}}
	case e.Reservation != nil:
		return r.takenReservation(e.Reservation)
	case e.Granted != nil:
		return []taken{r.takenGranted(e.Granted)}
	case e.Grant != nil:
		return []taken{takenGiftMark(e.Grant)}
	}
	return nil
}

// takenReservation is one record at each owner, the user's first.
func (r *Redis) takenReservation(e *ReservationEntry) []taken {
	at := func(tag string, main bool) taken {
		return taken{tag: tag, main: main, Kind: "stream", Stream: escape(e.Stream, ""), Own: main, Record: &takenStream{
			User: escape(e.User, ""), Spent: e.Spent, Ceiling: e.Ceiling, Peak: e.Peak, Before: e.Peak,
			Seen: e.Seen.Unix(), Until: e.Until.Unix(), Speech: e.Speech, Tags: []string{}, Holds: []takenHold{},
		}}
	}
	out := []taken{at(tag(userOwner(e.User)), true)}
	for _, h := range e.Holds {
		i := 0
		for i < len(out) && out[i].tag != tag(h.Owner) {
			i++
		}
		if i == len(out) {
			out = append(out, at(tag(h.Owner), false))
			out[0].Record.Tags = append(out[0].Record.Tags, tag(h.Owner))
		}
		out[i].Record.Holds = append(out[i].Record.Holds, r.takenHold(h))
	}
	return out
}

// takenHold is a hold whose window was validated.
func (r *Redis) takenHold(h HoldEntry) takenHold {
	id, _ := parseWindowID(h.Unit, h.Window)
	out := takenHold{Budget: escape(h.Budget, ""), Unit: h.Unit, Window: id, Base: h.Base, Granted: h.Granted}
	if h.Unit != Rolling {
		out.Ends = windowEnd(h.Unit, id, r.loc).Unix()
	}
	return out
}

func (k *redisTaker) call(tag string) *takeCall {
	c := &takeCall{scriptCall: k.r.call(&part{tag: tag}, "", ""), ID: k.id}
	c.Keep = int64(keepImport / time.Second)
	return c
}

func (c *takeCall) add(t taken, at int) {
	if t.Kind == "state" {
		t.Data = len(c.data)
		c.data, c.users = append(c.data, t.data), append(c.users, t.user)
	}
	c.Entries, c.of = append(c.Entries, t), append(c.of, at)
}

// take brings entries to one owner. Who gets a record is on the list of users before.
func (k *redisTaker) take(ctx context.Context, c *takeCall, words []string) error {
	return k.r.do(ctx, "import", func(ctx context.Context) error {
		for _, user := range c.users {
			if err := k.r.db.ZAdd(ctx, k.r.names.users(), redis.Z{Member: user}).Err(); err != nil {
				return err
			}
		}
		arg, err := json.Marshal(c)
		if err != nil {
			return err
		}
		// The second is never there: see part.run.
		keys := []string{string(c.Prefix) + "import", string(c.Prefix) + "import:"}
		v, err := k.r.scripts.take.Run(ctx, k.r.db, keys, append([]any{arg}, c.data...)...).Slice()
		if err != nil {
			return err
		}
		a := &answer{v: v}
		if a.text() != "ok" {
			return errAnswer
		}
		k.r.heard(a.number())
		said := a.texts()
		if err := a.end(); err != nil || len(said) != len(c.Entries) {
			return errAnswer
		}
		for i, word := range said {
			if c.Entries[i].main {
				words[c.of[i]] = word
			}
		}
		return nil
	})
}

// takeNote writes a note where none stands.
func (r *Redis) takeNote(ctx context.Context, e *NoteEntry) (string, error) {
	left := e.Until.Sub(r.guess())
	if left <= 0 {
		return "over", nil
	}
	first, err := r.NoteOnce(ctx, string(e.Key), e.Value, min(left, maxNoteTTL))
	if err != nil || first {
		return "taken", err
	}
	return "kept", nil
}
