package proxy

import (
	"cmp"
	"slices"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/proxy/provider"
)

// Events is told of what is used and refused, and may be empty. What nobody wants to know costs nothing.
type Events struct {
	// Interval is between two Used of a running stream.
	Interval time.Duration
	// Used is told of each part of a stream, and of the end of each stream, upload and job. For a part it must not block: that is
	// told by the one ticker of all streams. One that is not taken is told with the next.
	Used func(Used) (taken bool)
	// Refused is told of each request that was refused, and of each stream that the gateway ended or began to drop. It
	// must not block: it may be called by the goroutine that reads the client.
	Refused func(Refused)
}

// Used is a stretch of a stream, or the whole of an upload or job: what came since the one before.
type Used struct {
	Stream, Request      string
	Seq                  int // 1 is the first
	User, Plan, Provider string
	Variant              string
	Model, Asked         string // that hears it, and that was asked for; "" where that is left to the vendor
	Mode                 provider.Mode
	From, To             time.Time
	Figures                       // of this stretch
	Total                *Figures // of the whole; of an end, nil else
	Reserved             int64    // ms; of a job whose price comes later
	Basis                string   // of what was charged
	Method               string   // how the audio was measured; of an end
	Stage                policy.Stage
	Result               string // of an end, as in the closing line
	Final                bool   // this is the end
	Unsettled            bool   // the ledger could not be told
	Anywhere             bool   // another gateway may have told the same
	Balances             []ledger.Balance
	// Heard and Reported say that Figures.Speech and Figures.Vendors were found out.
	Heard, Reported bool
}

// Figures are amounts in ms.
type Figures struct {
	Audio, Speech, Dropped, Connection, Vendors, Charged int64
}

func (f Figures) minus(g Figures) Figures {
	return Figures{
		f.Audio - g.Audio, f.Speech - g.Speech, f.Dropped - g.Dropped, f.Connection - g.Connection, f.Vendors - g.Vendors, f.Charged - g.Charged,
	}
}

// Where something was refused.
const (
	AtTheDoor = "door"
	InStream  = "stream" // it was ended
	Dropping  = "drop"   // its audio is swallowed from now on
)

// Refused is what a user did not get.
type Refused struct {
	Stream, Request      string // Stream is "" at the door
	User, Plan, Provider string // "" where they are not known
	Mode                 provider.Mode
	Where                string
	Reason               provider.Reason // or EndedByOperator
	Status               int
	Budgets              []string // that said no
	Retry                time.Duration
	At                   time.Time
}

// refusedAt tells of a denial.
func (g *gate) refusedAt(where string, d *provider.Denial, r Refused) {
	if g.events.Refused == nil || d.Reason == "" {
		return
	}
	r.Where, r.Reason, r.Status, r.Retry, r.At = where, provider.Reason(d.Cause()), d.Status, d.RetryAfter, time.Now()
	for _, b := range d.Violated {
		if !isStage(b) {
			r.Budgets = append(r.Budgets, b)
		}
	}
	g.events.Refused(r)
}

// heardBy is the model that hears something.
func heardBy(s provider.Swap) string { return cmp.Or(s.Used, s.Asked) }

// paidFrom are balances without what is no budget.
func paidFrom(bs []ledger.Balance) []ledger.Balance {
	return slices.DeleteFunc(slices.Clone(bs), func(b ledger.Balance) bool { return isStage(b.Budget) })
}
