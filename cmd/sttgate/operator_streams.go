package main

import (
	"github.com/sttgate/sttgate/proxy"
	"github.com/sttgate/sttgate/proxy/admin"
)

// opsStreams shows the running streams.
type opsStreams struct{ streams *proxy.Streams }

var _ admin.Streams = opsStreams{}

func (o opsStreams) List() []admin.Stream {
	all := o.streams.List()
	out := make([]admin.Stream, 0, len(all))
	for _, s := range all {
		p := s.Progress()
		out = append(out, admin.Stream{
			ID: s.ID, User: s.User, Provider: s.Provider, Started: s.Started, State: s.State(), Mode: string(s.Mode),
			Forwarded: p.Forwarded.Milliseconds(), Dropped: p.Dropped.Milliseconds(),
		})
	}
	return out
}

func (o opsStreams) Detail(s *admin.Stream) {
	live := o.streams.Find(s.ID)
	if live == nil {
		return
	}
	l := live.Look()
	s.Plan, s.Variant, s.Model, s.Stage, s.Charged, s.Budget, s.Left = l.Plan, l.Variant, l.Model, string(l.Stage), l.Charged, l.Budget, l.Left
}

func (o opsStreams) Kill(id string) bool { return o.streams.End(id, proxy.Killed()) }
