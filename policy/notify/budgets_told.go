package notify

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// What is told of a budget, once over all gateways: whoever notes it first tells it. Before the note there is a reminder, so that what a
// gateway has noted and has not told, because it died, is told by another, with the same id.

// abandoned is when a message that was begun is another gateway's to tell.
const abandoned = time.Minute

// spent is what a user was told that it is spent: a window, and what was granted in it. Of a rolling window it is when that was.
type spent struct {
	resets, granted int64
	plan            string // the user's then
}

func spentOf(s Standing) spent {
	if s.Rolling > 0 {
		return spent{s.At.Unix(), s.Granted, s.Plan}
	}
	return spent{s.Resets.Unix(), s.Granted, s.Plan}
}

// window is what is said once of it.
func (t spent) window() string {
	out := strconv.FormatInt(t.resets, 10)
	if t.granted > 0 {
		out += "+" + strconv.FormatInt(t.granted, 10)
	}
	return out
}

// isMoreThan says that it is of a later window, or of more in the same.
func (t spent) isMoreThan(o spent) bool {
	return t.resets > o.resets || t.resets == o.resets && t.granted > o.granted
}

// String is what a note holds.
func (t spent) String() string {
	if t.plan == "" {
		return t.window()
	}
	return t.window() + " " + t.plan
}

func parseSpent(note string) (t spent, err error) {
	window, plan, _ := strings.Cut(note, " ")
	resets, granted, more := strings.Cut(window, "+")
	t.plan = plan
	if t.resets, err = strconv.ParseInt(resets, 10, 64); err == nil && more {
		t.granted, err = strconv.ParseInt(granted, 10, 64)
	}
	return t, err
}

// act tells what has not been told yet. Close waits for it: what is half told would be told again.
func (b *Budgets) act(s standing) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.ctx), noteTimeout)
	defer cancel()
	var errs []error
	if s.fresh {
		errs = append(errs, b.returned(ctx, s))
	}
	if s.level > 0 {
		errs = append(errs, b.begin(ctx, told{Key: levelKey(s.level), Window: levelWindow(s.Standing, s.level), Standing: s.Standing}))
	}
	return errors.Join(errs...)
}

// levelWindow is that in which a level is told once.
func levelWindow(s Standing, l Level) string {
	switch {
	case s.Rolling > 0:
		return "rolling"
	case l == Spent:
		return spentOf(s).window()
	}
	return strconv.FormatInt(s.Resets.Unix(), 10) // whatever is granted: "nearly" comes only before the first end
}

// told is a message to be: what is told, and of which window.
type told struct {
	Key      string   `json:"key"` // of its text
	Window   string   `json:"window"`
	Mine     string   `json:"mine"` // nobody else's
	Standing Standing `json:"standing"`
}

// name is that of the note, and the message's id.
func (t told) name() string {
	name := t.Window + ":" + t.Key
	if t.Window == "rolling" { // it comes again
		name += ":" + strconv.FormatInt(t.Standing.At.Unix(), 10)
	}
	return noteKey(t.Standing.User, t.Standing.Budget, name)
}

// note is where it is noted that somebody tells it, and for how long nobody does again.
func (t told) note() (key string, ttl time.Duration) {
	s := t.Standing
	key = noteKey(s.User, s.Budget, t.Window+":"+t.Key)
	if t.Window == "rolling" {
		return key, max(s.Rolling-time.Minute, s.Rolling/2) // a gateway looks again when it is over
	}
	return key, max(s.Resets.Sub(s.At), 0) + spentKept
}

// begin tells what nobody has told yet.
func (b *Budgets) begin(ctx context.Context, t told) error {
	key, _ := t.note()
	if before, err := b.Notes.Noted(ctx, key); err != nil || before != nil {
		return err
	}
	t.Mine = rand.Text()
	value, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("reminder of %s: %w", key, err)
	}
	r := Reminder{owedKey + t.Mine, value}
	if err := b.Notes.Remind(ctx, r.Key, r.Value, t.Standing.At.Add(abandoned)); err != nil {
		return err
	}
	return b.finish(ctx, t, r)
}

// finish tells what was begun, unless somebody else has it, or has told it.
func (b *Budgets) finish(ctx context.Context, t told, r Reminder) error {
	key, ttl := t.note()
	first, err := b.Notes.NoteOnce(ctx, key, []byte(t.Mine), ttl)
	if err != nil { // it may be there, and only the answer lost
		first, err = b.Notes.NoteOnce(ctx, key, []byte(t.Mine), ttl)
	}
	if err != nil {
		return err
	}
	if first {
		if t.Key == levelKey(Spent) { // before anybody can know of it, and give more
			if err := b.promise(ctx, t.Standing); err != nil {
				return err
			}
		}
		m, err := b.Notices().budget(t.name(), t.Key, t.Standing)
		if err == nil {
			err = b.Tell(m)
		}
		if err != nil {
			return err
		}
	}
	return b.Notes.Forget(ctx, r)
}

// noteKey names a note: the user's name may be too long for a key.
func noteKey(user, budget, what string) string {
	sum := sha256.Sum256([]byte(user + "\x00" + budget))
	return "told:" + hex.EncodeToString(sum[:16]) + ":" + what
}
