package ledgertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
)

func (d desk) note(key, value string, ttl time.Duration) {
	d.Helper()
	if err := d.Note(context.Background(), key, []byte(value), ttl); err != nil {
		d.Fatal(err)
	}
}

// noted wants a value; "" for none.
func (d desk) noted(key, want string) {
	d.Helper()
	v, err := d.Noted(context.Background(), key)
	if err != nil || string(v) != want || (v == nil) != (want == "") {
		d.Fatalf("%s: %q, %v; want %q", key, v, err, want)
	}
}

func notes(t *testing.T, open Open) {
	t.Helper()
	ctx := context.Background()
	cases(t, open, map[string]func(d desk){
		"what was never noted is nothing": func(d desk) { d.noted("k", "") },
		"the newest value stands until its end": func(d desk) {
			d.note("k", "one", time.Hour)
			d.note("k", "two", time.Hour)
			d.note("other", "three", time.Minute)
			d.noted("k", "two")
			d.Add(time.Hour - time.Second)
			d.noted("k", "two")
			d.noted("other", "")
			d.Add(time.Second)
			d.noted("k", "")
		},
		"an older end does not take the newer value away": func(d desk) {
			d.note("k", "short", time.Minute)
			d.note("k", "long", 24*time.Hour)
			for range 5 { // writes sweep
				d.Add(time.Hour)
				d.note("other", "x", time.Minute)
			}
			d.noted("k", "long")
			d.note("k", "short again", time.Minute)
			d.Add(time.Minute)
			d.noted("k", "")
		},
		"a note is the store's own copy": func(d desk) {
			v := []byte("mine")
			if err := d.Note(ctx, "k", v, time.Hour); err != nil {
				d.Fatal(err)
			}
			v[0] = 'X'
			d.noted("k", "mine")
			got, err := d.Noted(ctx, "k")
			if err != nil {
				d.Fatal(err)
			}
			got[0] = 'Y'
			d.noted("k", "mine")
		},
		"of claimants one is the first, however often it asks": func(d desk) {
			once := func(key, value string, want bool) {
				d.Helper()
				if first, err := d.NoteOnce(ctx, key, []byte(value), time.Hour); err != nil || first != want {
					d.Fatalf("%s by %s: %v, %v; want %v", key, value, first, err, want)
				}
			}
			once("k", "one", true)
			once("k", "two", false)
			once("k", "one", true)
			once("other", "two", true)
			d.noted("k", "one")
			d.Add(time.Hour)
			once("k", "two", true)
			once("k", "one", false)
			d.note("k", "three", time.Minute)
			once("k", "two", false)
			if _, err := d.NoteOnce(ctx, "", nil, time.Hour); !errors.Is(err, ledger.ErrInvalid) {
				d.Fatal(err)
			}
		},
		"of racing claimants one is the first": func(d desk) {
			for round := range 5 {
				var wg sync.WaitGroup
				won := make(chan int, 16)
				for i := range cap(won) {
					wg.Go(func() {
						first, err := d.NoteOnce(ctx, fmt.Sprint("r", round), []byte(fmt.Sprint(i)), time.Hour)
						if err != nil {
							d.Error(err)
						}
						if first {
							won <- i
						}
					})
				}
				wg.Wait()
				if len(won) != 1 {
					d.Fatalf("round %d: %d were the first", round, len(won))
				}
			}
		},
		"keys, values and times have bounds": func(d desk) {
			if err := d.Note(ctx, strings.Repeat("k", 256), bytes.Repeat([]byte{1}, 4<<10), 366*24*time.Hour); err != nil {
				d.Fatal(err)
			}
			for name, err := range map[string]error{
				"no key":         d.Note(ctx, "", nil, time.Hour),
				"key too long":   d.Note(ctx, strings.Repeat("k", 257), nil, time.Hour),
				"value too long": d.Note(ctx, "k", bytes.Repeat([]byte{1}, 4<<10+1), time.Hour),
				"no time":        d.Note(ctx, "k", nil, 0),
				"too long":       d.Note(ctx, "k", nil, 367*24*time.Hour),
			} {
				if !errors.Is(err, ledger.ErrInvalid) {
					d.Errorf("%s: %v", name, err)
				}
			}
		},
	})
}
