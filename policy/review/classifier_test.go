package review

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sttgate/sttgate/policy"
)

// scripted is a classifier whose service is a function.
func scripted(concurrency int, ask func(context.Context) error) *Classifier {
	k := NewClassifier(ClassifierConfig{Type: TypeHTTP, URL: "http://x", Timeout: time.Minute, Concurrency: concurrency}, nil)
	k.ask = func(ctx context.Context, _ Evidence) (policy.Verdict, error) {
		return policy.Verdict{Score: 1}, ask(ctx)
	}
	return k
}

func TestAClassifierThatFailsAndFailsIsLeftAloneForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down, asked := errors.New("down"), 0
		answer := down
		k := scripted(1, func(context.Context) error { asked++; return answer })
		defer k.Close()
		judge := func() error { _, err := k.Judge(t.Context(), example(t)); return err }
		for range openAfter - 1 {
			_ = judge()
		}
		answer = nil
		if err := judge(); err != nil {
			t.Fatalf("one success starts the count anew: %v", err)
		}
		answer = policy.ErrAnswer // costs as much as an answer, and is none
		for range openAfter {
			if err := judge(); !errors.Is(err, answer) {
				t.Fatal(err)
			}
		}
		before := asked
		pass(openFor)
		if err := judge(); !errors.Is(err, ErrOpen) || errors.Is(err, policy.ErrAnswer) || asked != before {
			t.Fatalf("open: %v, asked %d times more", err, asked-before)
		}
		pass(time.Millisecond)
		if err := judge(); !errors.Is(err, answer) || asked != before+1 {
			t.Fatalf("half open: %v", err)
		}
		if err := judge(); !errors.Is(err, ErrOpen) {
			t.Fatalf("a failure of the one that tries opens it again: %v", err)
		}
		pass(openFor + time.Millisecond)
		answer = nil
		for range 3 {
			if err := judge(); err != nil {
				t.Fatalf("back: %v", err)
			}
		}
	})
}

func TestWhoeverGivesUpSaysNothingAboutTheClassifier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := scripted(1, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		defer k.Close()
		for range 2 * openAfter {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			if _, err := k.Judge(ctx, example(t)); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
		}
	})
}

func TestOnlySoManyAreAskedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running atomic.Int64
		k := scripted(2, func(context.Context) error {
			if n := running.Add(1); n > 2 {
				t.Errorf("%d at once", n)
			}
			pass(time.Minute)
			running.Add(-1)
			return nil
		})
		defer k.Close()
		done := make(chan error, 6)
		for range 6 {
			go func() {
				_, err := k.Judge(t.Context(), example(t))
				done <- err
			}()
		}
		synctest.Wait() // all have come
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := k.Judge(ctx, example(t)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who waits for a place gives up: %v", err)
		}
		for range 6 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
}

// pass lets the bubble's clock run.
func pass(d time.Duration) { <-time.After(d) }
