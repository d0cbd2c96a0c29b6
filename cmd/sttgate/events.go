package main

import (
	"github.com/sttgate/sttgate/config"
	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy/notify"
	"github.com/sttgate/sttgate/proxy"
)

// events is proxy.Deps.Events: what is used and refused, as the events tell it.
func (t *tidings) events() proxy.Events {
	if t.usage == nil {
		return proxy.Events{}
	}
	return proxy.Events{
		Interval: t.every,
		Used:     func(u proxy.Used) bool { return t.usage.Used(used(u)) },
		Refused:  func(r proxy.Refused) { t.usage.Refused(refused(r)) },
	}
}

// usageSinks are the names of those that are told of usage.
func usageSinks(cfg config.Config) (names []string) {
	if cfg.Events.File != "" {
		names = append(names, notify.ToFile)
	}
	if cfg.Events.URL != "" {
		names = append(names, notify.ToHTTP)
	}
	return names
}

func used(u proxy.Used) notify.Used {
	out := notify.Used{
		Stream: u.Stream, Seq: u.Seq, Request: u.Request, User: u.User, Plan: u.Plan, Provider: u.Provider, Variant: u.Variant, Model: u.Model, Asked: asked(u),
		Mode: string(u.Mode), From: u.From, To: u.To, Figures: figures(u.Figures, u), Reserved: u.Reserved, Basis: u.Basis, Method: u.Method,
		Stage: string(u.Stage), Result: u.Result, Final: u.Final, Unsettled: u.Unsettled, Anywhere: u.Anywhere,
	}
	if u.Total != nil {
		total := figures(*u.Total, u)
		out.Total = &total
	}
	for _, b := range u.Balances {
		out.Budgets = append(out.Budgets, notify.Touched{
			Budget: b.Budget, Window: window(b.Window), Limit: b.Limit, Used: b.Used, Remaining: b.Remaining, Resets: b.Resets.UTC(), Shadow: b.Shadow,
		})
	}
	return out
}

// asked is the model that was asked for, where another hears it.
func asked(u proxy.Used) string {
	if u.Asked == u.Model {
		return ""
	}
	return u.Asked
}

// figures leaves out what nobody has found out.
func figures(f proxy.Figures, u proxy.Used) notify.Figures {
	out := notify.Figures{Audio: f.Audio, Dropped: f.Dropped, Connection: f.Connection, Charged: f.Charged}
	if u.Heard {
		out.Speech = &f.Speech
	}
	if u.Reported {
		out.Reported = &f.Vendors
	}
	return out
}

func window(w ledger.Window) string {
	if w.Unit == ledger.Rolling {
		return w.Length.String()
	}
	return string(w.Unit)
}

func refused(r proxy.Refused) notify.Refused {
	return notify.Refused{
		Stream: r.Stream, Request: r.Request, User: r.User, Plan: r.Plan, Provider: r.Provider, Mode: string(r.Mode), Where: r.Where,
		Reason: string(r.Reason), Status: r.Status, Budgets: r.Budgets, Retry: r.Retry, From: r.At,
	}
}
