package ledgertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
)

func (d desk) remind(key, value string, in time.Duration) {
	d.Helper()
	if err := d.Remind(context.Background(), key, []byte(value), d.Now().Add(in)); err != nil {
		d.Fatal(err)
	}
}

// due wants what is handed out, as "key value".
func (d desk) due(limit int, want ...string) (out []ledger.Reminder) {
	d.Helper()
	out, err := d.Due(context.Background(), limit, time.Minute)
	if err != nil {
		d.Fatal(err)
	}
	var got []string
	for _, r := range out {
		got = append(got, r.Key+" "+string(r.Value))
	}
	if !slices.Equal(got, want) {
		d.Fatalf("due: %q, want %q", got, want)
	}
	return out
}

func (d desk) forget(key, value string) {
	d.Helper()
	if err := d.Forget(context.Background(), ledger.Reminder{Key: key, Value: []byte(value)}); err != nil {
		d.Fatal(err)
	}
}

func reminders(t *testing.T, open Open) {
	t.Helper()
	ctx := context.Background()
	cases(t, open, map[string]func(d desk){
		"nothing is due before its time, and then what waits longest first": func(d desk) {
			d.due(10)
			d.remind("late", "3", 3*time.Hour)
			d.remind("ann/a b\xff", "1\x00", time.Hour)
			d.remind("long name", "2", 2*time.Hour)
			d.Add(time.Hour - time.Millisecond)
			d.due(10)
			d.Add(time.Millisecond)
			d.due(10, "ann/a b\xff 1\x00")
			d.forget("ann/a b\xff", "1\x00")
			d.Add(24 * time.Hour)
			d.due(10, "long name 2", "late 3")
		},
		"what was handed out is the caller's for a while, and then another's": func(d desk) {
			d.remind("a", "1", 0)
			d.remind("b", "2", 0)
			d.due(1, "a 1")
			d.due(10, "b 2")
			d.Add(time.Minute - time.Millisecond)
			d.due(10)
			d.Add(time.Millisecond)
			d.due(10, "a 1", "b 2")
			d.forget("a", "1")
			d.Add(time.Hour)
			d.due(10, "b 2")
		},
		"the newest stands, and only that which was seen is forgotten": func(d desk) {
			d.remind("a", "1", time.Hour)
			d.remind("a", "2", time.Minute)
			d.forget("a", "1")
			d.forget("never", "1")
			d.Add(time.Minute)
			d.due(10, "a 2")
			d.remind("a", "3", 2*time.Hour)
			d.forget("a", "2")
			d.Add(time.Hour + time.Minute)
			d.due(10)
			d.Add(time.Hour)
			d.due(10, "a 3")
			d.forget("a", "3")
			d.forget("a", "3")
			d.Add(time.Hour)
			d.due(10)
		},
		"more than a page come one page after the other": func(d desk) {
			for i := range 250 {
				d.remind(fmt.Sprint(i), "v", time.Duration(i)*time.Millisecond)
			}
			d.Add(time.Second)
			n := 0
			for _, want := range []int{100, 100, 50, 0} {
				got, err := d.Due(ctx, 100, time.Minute)
				if err != nil || len(got) != want || want > 0 && got[0].Key != fmt.Sprint(n) {
					d.Fatalf("%d of %d: %v", len(got), want, err)
				}
				n += len(got)
			}
		},
		"of racing callers each gets others": func(d desk) {
			const many = 60
			for i := range many {
				d.remind(fmt.Sprint(i), "v", 0)
			}
			var (
				wg  sync.WaitGroup
				mu  sync.Mutex
				all []string
			)
			for range 12 {
				wg.Go(func() {
					got, err := d.Due(ctx, 10, time.Minute)
					if err != nil {
						d.Error(err)
					}
					mu.Lock()
					defer mu.Unlock()
					for _, r := range got {
						all = append(all, r.Key)
					}
				})
			}
			wg.Wait()
			slices.Sort(all)
			if len(all) != many || len(slices.Compact(all)) != many {
				d.Fatalf("%d were handed out, want each of %d once", len(all), many)
			}
		},
		"a reminder is the store's own copy": func(d desk) {
			v := []byte("mine")
			if err := d.Remind(ctx, "k", v, d.Now()); err != nil {
				d.Fatal(err)
			}
			v[0] = 'X'
			got := d.due(1, "k mine")
			got[0].Value[0] = 'Y'
			d.Add(time.Minute)
			d.due(1, "k mine")
		},
		"keys, values and times have bounds": func(d desk) {
			if err := d.Remind(ctx, strings.Repeat("k", 256), bytes.Repeat([]byte{1}, 4<<10), d.Now()); err != nil {
				d.Fatal(err)
			}
			_, never := d.Due(ctx, 1, 0)
			_, ever := d.Due(ctx, 1, 2*time.Hour)
			for name, err := range map[string]error{
				"no key":         d.Remind(ctx, "", nil, d.Now()),
				"value too long": d.Remind(ctx, "k", bytes.Repeat([]byte{1}, 4<<10+1), d.Now()),
				"no time":        d.Remind(ctx, "k", nil, time.Time{}),
				"held never":     never,
				"held for long":  ever,
			} {
				if !errors.Is(err, ledger.ErrInvalid) {
					d.Errorf("%s: %v", name, err)
				}
			}
		},
	})
}
