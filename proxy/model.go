package proxy

import (
	"log/slog"

	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/proxy/provider"
)

// What a stage does to the model that hears its users. It is decided once, when a stream or a request is let in: a vendor takes
// no other model in the middle of one.

// models are what effects have in place of the models that are asked for; nil for nothing. What a shadow or an exemption holds back comes
// as withheld: it is counted, and told in the log.
func (r *rules) models(e policy.Effects) *provider.Models {
	m := &provider.Models{Instead: e.Model}
	if e.Lifted || e.Would != e.Stage {
		m.Withheld = r.Policy.Stages[e.Would].Actions.Model
	}
	if len(m.Instead)+len(m.Withheld) == 0 {
		return nil
	}
	return m
}

// remodel is a route under effects.
func (g *gate) remodel(v *vendor, rt provider.Route, e policy.Effects) provider.Route {
	p, ok := v.Provider.(provider.Remodeler)
	if !ok {
		return rt
	}
	if m := g.rules.Load().models(e); m != nil {
		return p.Remodel(rt, m)
	}
	return rt
}

// modelAttrs tell in the log of a model that is another than was asked for, or would be.
func modelAttrs(s provider.Swap) (attrs []slog.Attr) {
	if s.Used == "" && s.Would == "" {
		return nil
	}
	attrs = append(attrs, slog.String("model_asked", s.Asked))
	if s.Used != "" {
		attrs = append(attrs, slog.String("model", s.Used))
	}
	if s.Would != "" {
		attrs = append(attrs, slog.String("model_would", s.Would))
	}
	return attrs
}

// remodelled counts.
func (m *Metrics) remodelled(provider string, s provider.Swap) {
	if s.Used != "" {
		m.models.WithLabelValues(provider, "false").Inc()
	}
	if s.Would != "" {
		m.models.WithLabelValues(provider, "true").Inc()
	}
}

// heardBy notes which model hears a stream, when its client has said which one should.
func (t *tap) heardBy(s provider.Swap) {
	t.model.Store(&s)
	t.gate.metrics.remodelled(t.sub.provider, s)
}

// swap is what became of the model; nothing before it is known.
func (t *tap) swap() provider.Swap {
	if s := t.model.Load(); s != nil {
		return *s
	}
	return provider.Swap{}
}
