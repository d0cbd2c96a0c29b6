package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/sttgate/sttgate/meter"
)

// How a sent stream came out.
const (
	resultDone    = "done"    // all audio went through and the vendor said goodbye
	resultRefused = "refused" // at the handshake
	resultCut     = "cut"     // inside the stream: ended, or audio dropped
	resultBroken  = "broken"  // the connection failed
	resultStopped = "interrupted"
)

// report is what send tells: what it knows by itself, the vendor's count and the
// gateway's word on what is left.
type report struct {
	File       string          `json:"file"`
	Provider   string          `json:"provider"`
	User       string          `json:"user,omitempty"`
	Upload     bool            `json:"upload,omitempty"`
	Encoding   string          `json:"encoding,omitempty"`
	SampleRate int             `json:"sample_rate,omitempty"`
	Channels   int             `json:"channels,omitempty"`
	Result     string          `json:"result"`
	Why        string          `json:"why,omitempty"`
	SentMS     int64           `json:"sent_ms,omitempty"` // of a stream
	SentBytes  int64           `json:"sent_bytes"`
	VendorMS   *int64          `json:"vendor_reported_ms"` // null: the vendor told no figure
	Transcript string          `json:"transcript"`
	Notices    []notice        `json:"notices,omitempty"`
	CloseCode  string          `json:"close_code,omitempty"`
	Refusal    *refusal        `json:"refusal,omitempty"`
	Stage      string          `json:"stage,omitempty"`
	Budgets    []budgetBalance `json:"budgets,omitempty"`
}

// judge fills in how it went. It returns an error only for what is no story
// about the stream: an unreadable file, no gateway.
func (r *report) judge(ctx context.Context, t target, f meter.Format, o outcome, err error) error {
	r.SentMS, r.SentBytes, r.Notices = o.sentMS, o.sentBytes, o.notices
	r.Transcript = strings.Join(o.transcript, " ")
	if o.vendorMS >= 0 {
		r.VendorMS = &o.vendorMS
	}
	if interrupted(ctx) {
		// Nothing can be asked with this context any more.
		r.Result, r.Why = resultStopped, "stopped before the end of the file"
		return nil
	}
	var no *refusedError
	switch {
	case errors.As(err, &no):
		r.Result, r.Why, r.Refusal = resultRefused, no.refusal.String(), no.refusal
	case errors.Is(err, errConnect):
		if err := r.refused(ctx, t, f); err != nil {
			return err
		}
	case err != nil:
		return err
	default:
		r.ended(o)
	}
	r.ask(ctx, t)
	return nil
}

func interrupted(ctx context.Context) bool { return ctx.Err() != nil }

// refused finds out what the SDK could not tell.
func (r *report) refused(ctx context.Context, t target, f meter.Format) error {
	no, err := probe(ctx, t, f)
	switch {
	case err != nil:
		return err
	case no == nil:
		r.Result, r.Why = resultBroken, "the SDK could not connect, but a second handshake was accepted; try again"
	default:
		r.Result, r.Why, r.Refusal = resultRefused, no.String(), no
	}
	return nil
}

// ended judges a stream that stood.
func (r *report) ended(o outcome) {
	switch {
	case o.end != nil && o.end.Code == lostCode:
		r.Result, r.CloseCode, r.Why = resultBroken, lostCode, "the connection was lost: "+o.end.Reason
	case o.end != nil:
		r.Result, r.CloseCode = resultCut, o.end.Code
		if o.vendorMS < 0 && len(o.notices) > 0 && o.end.Code != "1011" { // in-band, before the vendor heard anything
			r.Result = resultRefused
		}
		r.Why = "the stream was ended: close " + o.end.String()
		if len(o.notices) > 0 {
			r.Why = o.notices[len(o.notices)-1].String() + " (close " + o.end.Code + ")"
		}
	case o.early:
		r.Result, r.CloseCode, r.Why = resultCut, "1000", "the stream was ended before the audio was"
		if len(o.notices) > 0 {
			r.Why = o.notices[len(o.notices)-1].String()
		}
	case o.broken != nil:
		r.Result, r.Why = resultBroken, o.broken.Error()
	// The vendor's count rounds; a whole frame less means that audio was swallowed.
	case o.vendorMS >= 0 && o.vendorMS+frameMS <= o.sentMS:
		r.Result = resultCut
		r.Why = fmt.Sprintf("%s of audio did not reach the vendor", seconds(o.sentMS-o.vendorMS))
		if len(o.notices) > 0 {
			r.Why += ": " + o.notices[len(o.notices)-1].String()
		}
	default:
		r.Result = resultDone
	}
}

// frameMS is how much audio one message carries.
const frameMS = 20

// ask adds what is left. A gateway that does not tell is no fault of the stream.
func (r *report) ask(ctx context.Context, t target) {
	u, err := usage(ctx, t)
	if err != nil {
		return
	}
	r.User, r.Stage, r.Budgets = firstOf(r.User, u.User), u.Stage, u.Budgets
}

// printReport ends the command: the figures, and a failure unless all went through.
func (p *program) printReport(r report, asJSON bool) error {
	if asJSON {
		if err := p.printJSON(r); err != nil {
			return err
		}
	} else if err := p.print("%s\n", r.table()); err != nil {
		return err
	}
	if r.Result == resultDone {
		return nil
	}
	if !asJSON {
		p.say("sttgate: %s: %s", r.Result, r.Why)
	}
	return errTold
}

func (r report) table() string {
	w := newTable()
	row := func(k, v string) { w.AppendRow(table.Row{k, v}) }
	row("result", r.Result)
	if r.Upload {
		row("uploaded", fmt.Sprintf("%d bytes", r.SentBytes))
	} else {
		row("audio", fmt.Sprintf("%s, %d Hz, %d ch", r.Encoding, r.SampleRate, r.Channels))
		row("sent", seconds(r.SentMS))
	}
	if r.VendorMS != nil {
		row("vendor counted", seconds(*r.VendorMS))
	} else {
		row("vendor counted", "not told")
	}
	if r.User != "" {
		row("user", r.User)
	}
	if r.Stage != "" {
		row("stage", r.Stage)
	}
	for _, b := range r.Budgets {
		row(b.Budget, b.String())
	}
	return w.Render()
}

// newTable is the house's table: light lines, nothing in capitals.
func newTable() table.Writer {
	w := table.NewWriter()
	style := table.StyleLight
	style.Format.Header = 0
	w.SetStyle(style)
	return w
}
