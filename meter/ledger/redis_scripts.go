package ledger

import (
	_ "embed" // the scripts
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed lua/call.lua
	callLua string
	//go:embed lua/fair.lua
	fairLua string
	//go:embed lua/book.lua
	bookLua string
	//go:embed lua/gifts.lua
	giftsLua string
	//go:embed lua/grant.lua
	grantLua string
	//go:embed lua/lease.lua
	leaseLua string
	//go:embed lua/trim.lua
	trimLua string
	//go:embed lua/settle.lua
	settleLua string
	//go:embed lua/usage.lua
	usageLua string
	//go:embed lua/state.lua
	stateLua string
	//go:embed lua/note.lua
	noteLua string
	//go:embed lua/once.lua
	onceLua string
	//go:embed lua/remind.lua
	remindLua string
	//go:embed lua/session.lua
	sessionLua string
	//go:embed lua/tell.lua
	tellLua string
	//go:embed lua/take.lua
	takeLua string
	//go:embed lua/gateways.lua
	gatewaysLua string
)

// scripts are called by their hash and sent whole where the server does not have them.
type scripts struct{ lease, grant, trim, settle, usage, state, note, once, remind, session, tell, take, gateways *redis.Script }

func newScripts() scripts {
	book := callLua + fairLua + bookLua
	return scripts{
		lease: redis.NewScript(book + leaseLua), grant: redis.NewScript(book + giftsLua + grantLua), trim: redis.NewScript(book + trimLua),
		settle: redis.NewScript(book + settleLua), usage: redis.NewScript(book + usageLua),
		state: redis.NewScript(stateLua), note: redis.NewScript(noteLua),
		once: redis.NewScript(onceLua), remind: redis.NewScript(remindLua), session: redis.NewScript(sessionLua),
		tell: redis.NewScript(tellLua), take: redis.NewScript(book + giftsLua + takeLua), gateways: redis.NewScript(gatewaysLua),
	}
}

// mostAmount is the largest number that is exact in a script.
const mostAmount = int64(1)<<53 - 1

// scriptCall is the argument of the scripts that begin with book.lua. What is empty is not sent:
// the server reads every byte of it with every lease.
type scriptCall struct {
	Prefix   owner                    `json:"prefix"`
	At       int64                    `json:"at,omitempty"` // microseconds; 0 is the server's clock
	User     string                   `json:"user"`
	Stream   string                   `json:"stream"`
	Own      bool                     `json:"own,omitempty"` // the owner is the stream's user
	Ceiling  int64                    `json:"ceiling,omitempty"`
	Spent    int64                    `json:"spent,omitempty"`
	Speech   int64                    `json:"speech,omitempty"`
	Keep     int64                    `json:"keep,omitempty"`  // seconds
	Ended    int64                    `json:"ended,omitempty"` // microseconds; of a settle that may be told again
	Number   string                   `json:"number"`
	Owners   []string                 `json:"owners,omitempty"` // tags of the others
	Known    bool                     `json:"known,omitempty"`  // the stream's user had it, and it held nothing here
	Scopes   []scriptScope            `json:"scopes,omitempty"`
	Bases    []base                   `json:"bases,omitempty"`
	Calendar map[Unit]*scriptCalendar `json:"calendar,omitempty"`
	Spans    []int64                  `json:"spans,omitempty"` // microseconds
	Fair     *scriptFair              `json:"fair,omitempty"`
	Gift     *scriptGift              `json:"gift,omitempty"`
}

type scriptScope struct {
	Budget string `json:"budget"`
	Unit   Unit   `json:"unit"`
	Length int64  `json:"length,omitempty"` // seconds
	Limit  int64  `json:"limit"`
	Shadow bool   `json:"shadow,omitempty"`
}

// scriptCalendar is the windows of a unit around an instant: id and end, in order, from
// the one that From lies in.
type scriptCalendar struct {
	From    int64      `json:"from"`
	Windows [][2]int64 `json:"windows"`
}

// base says since when a budget has applied to a stream, in one window.
type base struct {
	budget string // escaped
	unit   Unit
	window int64
	ms     int64
}

// MarshalJSON writes a base as the scripts answer it.
func (b base) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{b.budget, b.unit, b.window, b.ms})
}

func scriptScopes(scopes []Scope) []scriptScope {
	out := make([]scriptScope, 0, len(scopes))
	for _, s := range scopes {
		out = append(out, scriptScope{
			Budget: escape(s.Budget, ""), Unit: s.Window.Unit, Length: int64(s.Window.Length / time.Second),
			Limit: min(s.Limit, mostAmount), Shadow: s.Shadow,
		})
	}
	return out
}

// calendar is the windows that a server may mean whose clock is within a day and a half of
// guess, and those that begin within 24 h from there. One that is further off says so.
func calendar(scopes []Scope, guess time.Time, loc *time.Location) map[Unit]*scriptCalendar {
	const before, after = 36 * time.Hour, 60 * time.Hour
	out := map[Unit]*scriptCalendar{}
	for _, s := range scopes {
		u := s.Window.Unit
		if u == Rolling || out[u] != nil {
			continue
		}
		at := guess.Add(-before)
		c := &scriptCalendar{From: at.Unix() + 1}
		for !at.After(guess.Add(after)) {
			id := windowID(u, at, loc)
			at = windowEnd(u, id, loc)
			c.Windows = append(c.Windows, [2]int64{id, at.Unix()})
		}
		out[u] = c
	}
	return out
}

var (
	errAnswer = errors.New("the server's answer is none of ours")
	errClock  = errors.New("the server's clock jumps")
)

// answer reads what a script returned; after the first fault it returns zeros.
type answer struct {
	v    []any
	bad  bool
	lone bool // too few replicas have what was written
}

func (a *answer) next() any {
	if len(a.v) == 0 {
		a.bad = true
		return nil
	}
	v := a.v[0]
	a.v = a.v[1:]
	return v
}

func (a *answer) number() int64 {
	n, ok := a.next().(int64)
	a.bad = a.bad || !ok
	return n
}

func (a *answer) text() string {
	s, ok := a.next().(string)
	a.bad = a.bad || !ok
	return s
}

// list calls fn for each of a list's items, which are lists.
func (a *answer) list(fn func(*answer)) {
	all, ok := a.next().([]any)
	a.bad = a.bad || !ok
	for _, v := range all {
		item, ok := v.([]any)
		in := &answer{v: item, bad: !ok}
		fn(in)
		a.bad = a.bad || in.bad
	}
}

func (a *answer) texts() (out []string) {
	all, ok := a.next().([]any)
	a.bad = a.bad || !ok
	for in := (&answer{v: all}); len(in.v) > 0; {
		out = append(out, in.text())
		a.bad = a.bad || in.bad
	}
	return out
}

func (a *answer) numbers() (out []int64) {
	all, ok := a.next().([]any)
	a.bad = a.bad || !ok
	for in := (&answer{v: all}); len(in.v) > 0; {
		out = append(out, in.number())
		a.bad = a.bad || in.bad
	}
	return out
}

func (a *answer) state() State {
	s := State{Version: a.number()}
	if data := a.text(); s.Version > 0 {
		s.Data = []byte(data)
	}
	return s
}

func (a *answer) end() error {
	if a.bad {
		return fmt.Errorf("%w: %w", errAnswer, errRecord)
	}
	return nil
}
