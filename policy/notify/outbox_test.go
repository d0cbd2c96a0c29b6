package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// desk is a sink that a test answers for.
type desk struct {
	name   string
	mu     sync.Mutex
	got    []string
	at     []time.Time
	answer func(id string) error // nil: takes everything
}

func (d *desk) Name() string { return d.name }

func (d *desk) Take(ctx context.Context, ms []Message) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for n, m := range ms {
		if ctx.Err() != nil {
			return n, ctx.Err()
		}
		d.at = append(d.at, time.Now())
		if d.answer != nil {
			if err := d.answer(m.ID); err != nil {
				return n, err
			}
		}
		d.got = append(d.got, m.ID)
	}
	return len(ms), nil
}

func (d *desk) has() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.got, " ")
}

// tally counts what became of messages.
type tally struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *tally) count(sink, result string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	c.n[sink+" "+result] += n
}

func (c *tally) of(what string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[what]
}

func note(to, id string) Message {
	return Message{To: to, ID: id, At: time.Unix(1, 0), Body: []byte(`{"id":"` + id + `"}`)}
}

func open(t *testing.T, dir string, o Options, sinks ...Sink) *Outbox {
	t.Helper()
	box, err := OpenOutbox(dir, sinks, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { box.Close() })
	return box
}

func appendAll(t *testing.T, box *Outbox, ms ...Message) {
	t.Helper()
	for _, m := range ms {
		if err := box.Append(m); err != nil {
			t.Fatal(err)
		}
	}
}

var errDown = errors.New("down")

func TestMessagesComeInOrderAndNoSinkWaitsForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		well, ill := &desk{name: "well"}, &desk{name: "ill", answer: func(string) error { return errDown }}
		var c tally
		box := open(t, t.TempDir(), Options{Count: c.count}, well, ill)
		var want []string
		for i := range 3 * someMessages {
			id := fmt.Sprint(i)
			want = append(want, id)
			appendAll(t, box, note("ill", id), note("well", id))
		}
		synctest.Wait()
		if got := well.has(); got != strings.Join(want, " ") || c.of("well delivered") != len(want) {
			t.Errorf("%d of %d were delivered: %s", c.of("well delivered"), len(want), got)
		}
		if c.of("ill delivered") != 0 || c.of("ill retried") == 0 {
			t.Errorf("the sink that is down: %v", c.n)
		}
		box.Close()
	})
}

func TestWhatWasAppendedSurvivesACrash(t *testing.T) {
	dir, copied := t.TempDir(), t.TempDir()
	entered, ill := make(chan struct{}, 100), &desk{name: "s"}
	ill.answer = func(id string) error {
		if id == "a" {
			return nil
		}
		entered <- struct{}{}
		return errDown
	}
	off := make(chan struct{}, 1)
	box := open(t, dir, Options{Count: func(_, result string, _ int) {
		if result == ResultDelivered {
			off <- struct{}{}
		}
	}}, ill)
	if err := box.Append(note("s", "a"), note("s", "b"), note("s", "c")); err != nil {
		t.Fatal(err)
	}
	<-entered
	<-off // a is off the disk: nobody writes while the file is copied
	appendAll(t, box, note("s", "d"))
	// kill -9: the file as the disk has it, with the process still at it.
	data, err := os.ReadFile(filepath.Join(dir, outboxFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(copied, outboxFile), data, 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	well := &desk{name: "s", answer: func(id string) error {
		if id == "e" {
			close(done)
		}
		return nil
	}}
	again := open(t, copied, Options{}, well)
	appendAll(t, again, note("s", "e"))
	<-done
	again.Close()
	if well.has() != "b c d e" {
		t.Errorf("after the crash %q came", well.has())
	}
}

func TestClosingWaitsForTheMessageUnderWayAndLeavesTheRest(t *testing.T) {
	dir := t.TempDir()
	entered, leave := make(chan struct{}), make(chan struct{})
	slow := &desk{name: "s", answer: func(string) error {
		entered <- struct{}{}
		<-leave
		return nil
	}}
	box := open(t, dir, Options{}, slow)
	if err := box.Append(note("s", "a"), note("s", "b")); err != nil {
		t.Fatal(err)
	}
	<-entered
	closed := make(chan error)
	go func() { closed <- box.Close() }()
	<-box.ctx.Done()
	select {
	case <-closed:
		t.Error("closed with a message under way")
	default:
	}
	close(leave)
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	if err := box.Append(note("s", "c")); !errors.Is(err, ErrClosed) {
		t.Errorf("an append after the end: %v", err)
	}
	done := make(chan struct{})
	next := &desk{name: "s", answer: func(string) error { close(done); return nil }}
	open(t, dir, Options{}, next)
	<-done
	if slow.has() != "a" {
		t.Errorf("before the end came %q", slow.has())
	}
}

// pass lets the bubble's clock run.
func pass(d time.Duration) { <-time.After(d) }

func TestPausesGrowAndASinkIsLeftAloneAsItAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := errDown
		d := &desk{name: "s", answer: func(string) error { return answer }}
		box := open(t, t.TempDir(), Options{}, d)
		appendAll(t, box, note("s", "a"))
		for range 14 {
			synctest.Wait()
			pass(lastBackoff)
		}
		pauses := func() (out []time.Duration) {
			d.mu.Lock()
			defer d.mu.Unlock()
			for i := 1; i < len(d.at); i++ {
				out = append(out, d.at[i].Sub(d.at[i-1]))
			}
			return out
		}()
		for i, p := range pauses {
			whole := min(firstBackoff<<min(i, 10), lastBackoff)
			if p < whole/2 || p > whole+time.Millisecond {
				t.Errorf("pause %d is %s, not between %s and %s", i, p, whole/2, whole)
			}
		}
		d.mu.Lock()
		answer = &laterError{errDown, 20 * time.Minute}
		d.mu.Unlock()
		pass(lastBackoff)
		d.mu.Lock()
		before := len(d.at)
		d.mu.Unlock()
		pass(14 * time.Minute)
		d.mu.Lock()
		if len(d.at) != before {
			t.Errorf("%d attempts while the sink wanted none", len(d.at)-before)
		}
		answer = nil
		d.mu.Unlock()
		pass(7 * time.Minute)
		synctest.Wait()
		if d.has() != "a" {
			t.Errorf("delivered %q", d.has())
		}
		box.Close()
	})
}

func TestARefusedMessageDoesNotHoldUpTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{name: "s", answer: func(id string) error {
			if id == "b" || id == "c" {
				return fmt.Errorf("answer 400: %w", ErrRefused)
			}
			return nil
		}}
		var c tally
		box := open(t, t.TempDir(), Options{Count: c.count}, d)
		appendAll(t, box, note("s", "a"), note("s", "b"), note("s", "c"), note("s", "d"))
		synctest.Wait()
		if d.has() != "a d" || c.of("s refused") != 2 || c.of("s delivered") != 2 {
			t.Errorf("delivered %q, %v", d.has(), c.n)
		}
		box.Close()
	})
}

func TestAFullOutboxDropsTheOldestAndCountsThem(t *testing.T) {
	dir := t.TempDir()
	hold := make(chan struct{})
	ill := &desk{name: "s", answer: func(string) error { <-hold; return errDown }}
	var c tally
	box := open(t, dir, Options{MaxBytes: 1000, Count: c.count}, ill)
	const all = 50
	for i := range all {
		appendAll(t, box, note("s", fmt.Sprint("m", i)))
	}
	appendAll(t, box, Message{To: "s", ID: "large", Body: []byte(`"` + strings.Repeat("x", 2000) + `"`)})
	close(hold)
	box.Close()
	dropped := c.of("s dropped")
	var got []string
	done := make(chan struct{})
	next := &desk{name: "s", answer: func(id string) error {
		if got = append(got, id); id == "end" {
			close(done)
		}
		return nil
	}}
	again := open(t, dir, Options{MaxBytes: 1000}, next)
	appendAll(t, again, note("s", "end"))
	<-done
	again.Close()
	first := slices.Index(got, fmt.Sprint("m", all-1)) + 1 // how many of the m's came
	if first == 0 || dropped != all-first+1 && dropped != all-first+2 || got[0] != fmt.Sprint("m", all-first) {
		t.Errorf("%d were dropped, and these came: %v", dropped, got)
	}
}

func TestOneOutboxHasOneOwner(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, Options{})
	if _, err := OpenOutbox(dir, nil, Options{}); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("the second owner: %v", err)
	}
	if _, err := OpenOutbox(filepath.Join(dir, outboxFile), nil, Options{}); err == nil {
		t.Error("a file is no directory")
	}
}

func TestAMessageForNobodyIsAnError(t *testing.T) {
	box := open(t, t.TempDir(), Options{})
	if err := box.Append(note("nobody", "a")); err == nil || !strings.Contains(err.Error(), `no sink "nobody"`) {
		t.Error(err)
	}
}

var _ io.Closer = (*Outbox)(nil)
