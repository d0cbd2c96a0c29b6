//go:build linux

package main

import "fmt"

// goal is one promise about the gateway.
type goal struct {
	what  string
	cases []string
	over  string  // the other contender of the ratio; "" for an absolute figure
	most  float64 // ratio or figure
}

// goals are the project's: figures with metering, admission and metrics on, as ratios within one run.
func goals() []goal {
	return []goal{
		{"CPU per frame, TLS to the vendor, against nginx, sparse", []string{"sparse-tls"}, nginx, 0.90},
		{"CPU per frame, TLS to the vendor, against nginx, dense", []string{"dense-tls"}, nginx, 1.00},
		{"CPU per frame, plain, against nginx", []string{"sparse-plain", "dense-plain"}, nginx, 1.08},
		{"CPU per frame, sparse, against a gorilla message relay", []string{"sparse-plain", "sparse-tls"}, gorilla, 0.55},
		{"CPU per frame, dense, against a gorilla message relay", []string{"dense-plain", "dense-tls"}, gorilla, 0.75},
		{"CPU per frame, sparse, against httputil.ReverseProxy", []string{"sparse-plain", "sparse-tls"}, reverse, 0.55},
		{"CPU per frame, dense, against httputil.ReverseProxy", []string{"dense-plain", "dense-tls"}, reverse, 0.75},
		{"metering and admission: CPU per frame against the bare relay", []string{"sparse-plain", "dense-plain", "sparse-tls", "dense-tls"}, relayed, 1.03},
		{"flat out, CPU per frame, against nginx with 16 KiB buffers", []string{"flat"}, nginx, 1.00},
		{"added latency p99 against nginx", []string{"latency"}, nginx, 1.20},
		{"CPU per handshake against httputil.ReverseProxy", []string{"handshake"}, reverse, 0.80},
		{"memory per idle stream, plain, KiB", []string{"idle-plain"}, "", 12},
		{"memory per idle stream, TLS, KiB", []string{"idle-tls"}, "", 25},
	}
}

// verdict is a goal beside what was measured in one case.
type verdict struct {
	goal
	inCase string
	got    spread
	met    bool
}

// judge compares every goal with the samples; a goal without samples is left out.
func judge(b book) []verdict {
	var out []verdict
	for _, g := range goals() {
		for _, c := range g.cases {
			s, ok := b.scenario(c)
			if !ok {
				continue
			}
			m := s.kind.metrics()[0]
			var values []float64
			if g.over == "" {
				values = b.values(c, ours, m.name)
			} else {
				values = b.ratios(c, ours, g.over, m.name)
			}
			if len(values) == 0 {
				continue
			}
			got := spreadOf(values)
			out = append(out, verdict{goal: g, inCase: c, got: got, met: got.median <= g.most})
		}
	}
	return out
}

func (v verdict) mark() string {
	if v.met {
		return "met"
	}
	return "**not met**"
}

func (v verdict) row() []string {
	return []string{v.what, v.inCase, fmt.Sprintf("<= %.2f", v.most), fmt.Sprintf("%.2f (%.2f–%.2f)", v.got.median, v.got.low, v.got.high), v.mark()}
}
