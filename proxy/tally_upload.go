package proxy

import (
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/proxy/provider"
)

// priced is what an upload or a job has come to, for those who are told of it.
type priced struct {
	cost    int64 // ms, weighted; of one whose price comes later: what is kept for it
	audio   int64 // ms of what cost that
	speech  int64
	heard   bool // somebody has looked for speech
	vendors int64
	known   bool // the vendor has told how much it was
	basis   string
	later   bool // the price is read some other day
}

func (x *exchange) pricedAt(p price, out provider.Outcome, ms int64) priced {
	return priced{
		cost: ms, audio: ms / p.weighed(out), speech: x.speech(p, out, ms), heard: x.rt.Words,
		vendors: millis(out.Duration), known: out.Known, basis: p.basis(out),
	}
}

// figures are those of an end.
func (p priced) figures(connection int64) Figures {
	return Figures{Audio: p.audio, Speech: p.speech, Connection: connection, Vendors: p.vendors, Charged: p.cost}
}

// told tells of an upload or a job that was answered. What failed has cost nothing, and is nothing that was used. A file that is only kept
// costs nothing, either: the job on it is told of.
func (x *exchange) told(result string, charged int64, unsettled bool) {
	if x.gate.events.Used == nil || x.rt.Mode == provider.ModeFile {
		return
	}
	now, p := time.Now(), x.priced
	e := Used{
		Stream: x.stream, Request: x.id, Seq: 1, User: x.caller.User, Plan: x.caller.Plan, Provider: x.v.Name(), Variant: x.rt.Variant,
		Model: heardBy(x.model), Asked: x.model.Asked, Mode: x.rt.Mode, From: x.began, To: now, Heard: p.heard, Basis: p.basis, Method: x.method, Unsettled: unsettled,
	}
	if e.Basis == "" {
		e.Basis = ChargeAudio
	}
	if x.bill != nil {
		e.Stage, e.Balances = x.bill.effects.Stage, paidFrom(x.bill.said().Balances)
	}
	if !p.later && !unsettled {
		if p.cost = charged; charged == 0 {
			p.audio, p.speech = 0, 0
		}
	}
	connection := now.Sub(x.began).Milliseconds()
	if p.later {
		e.Reserved, e.Figures = p.cost, Figures{Connection: connection}
	} else {
		whole := p.figures(connection)
		e.Final, e.Result, e.Figures, e.Total, e.Reported = true, result, whole, &whole, p.known
	}
	x.gate.events.Used(e)
}

// refused tells of one that broke off because the gateway said no.
func (x *exchange) refused(result string, err error) {
	if err == nil {
		return
	}
	if d := denialOf(err); result == d.Cause() {
		x.gate.refusedAt(InStream, d, Refused{
			Stream: x.stream, Request: x.id, User: x.caller.User, Plan: x.caller.Plan, Provider: x.v.Name(), Mode: x.rt.Mode,
		})
	}
}

// toldLater tells of a job whose price was read, by this gateway or another.
func (x *exchange) toldLater(c receipt, p priced, out provider.Outcome, u ledger.Usage) {
	if x.gate.events.Used == nil {
		return
	}
	result, whole := "ok", p.figures(0)
	if out.Failed {
		result = "vendor_failed"
	}
	sub := subject{user: c.User, plan: x.caller.Plan, provider: x.v.Name()}
	x.gate.events.Used(Used{
		Stream: c.Stream, Request: x.id, Seq: 2, User: c.User, Plan: sub.plan, Provider: sub.provider, Variant: x.rt.Variant, Model: c.Model, Asked: c.Asked,
		Mode: provider.ModeJob, From: c.At, To: time.Now(), Figures: whole, Total: &whole, Basis: p.basis, Heard: p.heard, Reported: p.known,
		Stage: x.gate.effects(x.gate.rules.Load(), sub, u.State, u.At).Stage, Result: result, Final: true, Anywhere: true, Balances: paidFrom(u.Balances),
	})
}
