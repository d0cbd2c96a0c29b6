package ledgertest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
)

// says leases a slice ahead of what stream a has spent, and reports its speech.
func (d desk) says(spent, speech int64, scopes ...ledger.Scope) {
	d.Helper()
	r := ledger.Request{User: "u", Stream: "a", Scopes: scopes, Ceiling: spent + 5000, Spent: spent, Speech: speech}
	if _, err := d.Lease(context.Background(), r); err != nil {
		d.Fatal(err)
	}
}

// said ends a stream.
func (d desk) said(stream string, spent, speech int64) {
	d.Helper()
	if _, err := d.Settle(context.Background(), ledger.Request{User: "u", Stream: stream, Spent: spent, Speech: speech}); err != nil {
		d.Fatal(err)
	}
}

// speech wants what the user said within a span.
func (d desk) speech(want int64, w time.Duration) {
	d.Helper()
	u, err := d.Usage(context.Background(), ledger.Query{User: "u", Windows: []time.Duration{w}})
	if err != nil {
		d.Fatal(err)
	}
	if len(u.Speech) != 1 || u.Speech[0] != want {
		d.Fatalf("%d ms of speech in %v, want %d", u.Speech, w, want)
	}
}

func speech(t *testing.T, open Open) {
	t.Helper()
	cases(t, open, map[string]func(d desk){
		"it is kept apart from audio": func(d desk) {
			d.says(0, 0, day(60_000))
			d.says(4000, 2500, day(60_000))
			d.audio(4000, time.Hour)
			d.speech(2500, time.Hour)
			d.used(9000, day(60_000))
			d.said("a", 6000, 2600)
			d.audio(6000, time.Hour)
			d.speech(2600, time.Hour)
			d.used(6000, day(60_000))
		},
		"streams that tell of none have none": func(d desk) {
			d.lease("a", 5000, 0, 5000)
			d.settle("a", 5000)
			d.speech(0, time.Hour)
		},
		"a replay changes nothing, and neither does an older report": func(d desk) {
			for range 3 {
				d.says(4000, 2500)
			}
			d.says(3000, 1000) // overtaken
			d.says(4000, 2000) // as old, by its speech
			d.speech(2500, time.Hour)
			for range 3 {
				d.said("a", 5000, 3000)
			}
			d.said("a", 5000, 9000)
			d.speech(3000, time.Hour)
		},
		"a settle that knows less keeps what was told": func(d desk) {
			d.says(4000, 2500)
			d.said("a", 4000, 0)
			d.speech(2500, time.Hour)
		},
		"it may be more than the audio": func(d desk) {
			d.says(1000, 1200)
			d.said("a", 1000, 1300)
			d.speech(1300, time.Hour)
		},
		"a stream that never leased tells it at its end": func(d desk) {
			d.said("a", 700, 600)
			d.speech(600, time.Hour)
		},
		"it is booked in the minute in which the store hears of it, and rolls like audio": func(d desk) {
			for i := range 3 { // at 12:00, 12:01, 12:02
				d.says(int64(1000*(i+1)), int64(100*(i+1)))
				d.Add(time.Minute)
			}
			d.speech(300, time.Hour)
			d.Set(noon().Add(11 * time.Minute))
			d.speech(200, 10*time.Minute)
			d.audio(2000, 10*time.Minute)
			d.Add(9 * 24 * time.Hour)
			d.speech(0, 8*24*time.Hour)
		},
		"several windows are summed apart": func(d desk) {
			d.said("a", 1000, 800)
			d.Add(30 * time.Hour)
			d.said("b", 500, 400)
			d.Add(30 * time.Hour)
			d.said("c", 200, 100)
			u, err := d.Usage(context.Background(), ledger.Query{User: "u", Windows: []time.Duration{24 * time.Hour, 48 * time.Hour, 168 * time.Hour}})
			if got := fmt.Sprint(u.Audio, u.Speech); err != nil || got != "[200 700 1700] [100 500 1300]" {
				d.Fatal(got, err)
			}
		},
		"it is the user's, whoever's budgets pay": func(d desk) {
			all := scope("house", ledger.Month, 1<<40)
			all.Owner = "all"
			d.says(1000, 900, day(60_000), all)
			if _, err := d.Settle(context.Background(), ledger.Request{User: "v", Stream: "b", Spent: 100, Speech: 50}); err != nil {
				d.Fatal(err)
			}
			d.said("a", 1000, 950)
			d.speech(950, time.Hour)
		},
		"of a kept grant that nobody settles the audio stands in": func(d desk) {
			d.keep(d.reserve("a", 9000, 9000, day(60_000)), 8000, 30*time.Minute)
			d.speech(0, time.Hour)
			d.Add(time.Hour)
			d.settle("other", 0)
			d.speech(8000, 2*time.Hour)
		},
		"of one that is settled it is what is told": func(d desk) {
			r := d.reserve("a", 9000, 9000, day(60_000))
			d.keep(r, 8000, 30*time.Minute)
			for range 2 {
				if _, err := r.Settle(context.Background(), 7000, 6500); err != nil {
					d.Fatal(err)
				}
			}
			d.speech(6500, time.Hour)
			d.audio(7000, time.Hour)
		},
	})
}
