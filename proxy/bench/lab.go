//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// lab runs turns: one contender in one case.
type lab struct {
	context context.Context //nolint:containedctx // a lab lives as long as one run
	o       options
	stderr  io.Writer
	dir     string // of the run, removed at its end
	certs   certs
	gateway string // binary
	began   time.Time
	turns   int // in all
	turn    int // this one

	patience time.Duration // left for waiting until others are done
}

// sample is what one turn yielded.
type sample struct {
	Case   string             `json:"case"`
	Proxy  string             `json:"proxy"`
	Round  int                `json:"round"`
	Values map[string]float64 `json:"values"`
}

// measure is a whole run: turns, tables, document.
func measure(ctx context.Context, o options, stdout, stderr io.Writer) error {
	cases, err := selected(o)
	if err != nil {
		return err
	}
	who, err := chosen(o.proxies)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "sttgate-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	l := &lab{context: ctx, o: o, stderr: stderr, dir: dir, gateway: o.gateway, patience: quietTotal}
	if l.certs, err = makeCerts(dir); err != nil {
		return err
	}
	if err := l.prepare(who); err != nil {
		return err
	}
	if !raisePriority() {
		l.say("not root: no raised priority, so other work on this machine shows more in the figures")
	}
	samples, failed := l.rounds(cases, who)
	if ctx.Err() != nil {
		return failed
	}
	// What went well is worth telling even where a turn failed.
	return errors.Join(failed, publish(book{cases: cases, who: who, samples: samples, machine: thisMachine(o)}, o, stdout))
}

// prepare complains about what is missing before the first minute is spent.
func (l *lab) prepare(who []contender) error {
	for _, c := range who {
		var err error
		switch c.name {
		case nginx, nginxAuto:
			err = l.needNginx()
		case ours:
			_, err = l.gatewayBinary()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// rounds takes turns: every contender once, then every contender again.
func (l *lab) rounds(cases []scenario, who []contender) ([]sample, error) {
	for _, s := range cases {
		l.turns += l.roundsOf(s) * len(s.field(who))
	}
	l.began = time.Now()
	var samples []sample
	var failed []error
	for _, s := range cases {
		for round := range l.roundsOf(s) {
			var direct map[string]float64
			for _, c := range s.field(who) {
				l.turn++
				v, err := l.takeQuietly(s, c)
				if l.context.Err() != nil {
					return nil, errors.New("interrupted")
				}
				if err != nil {
					failed = append(failed, fmt.Errorf("%s, %s: %w", s.name, c.name, err))
					l.say("%s, %s: FAILED: %v", s.name, c.name, err)
					continue
				}
				if c.name == noProxy {
					direct = v
				} else if s.kind == latency {
					v = subtract(v, direct)
				}
				l.say("%-12s %-28s %s", s.name, c.name, figures(s.kind, v))
				samples = append(samples, sample{Case: s.name, Proxy: c.name, Round: round, Values: v})
			}
		}
	}
	return samples, errors.Join(failed...)
}

func (l *lab) roundsOf(s scenario) int {
	if s.rounds > 0 {
		return min(s.rounds, l.o.rounds)
	}
	return l.o.rounds
}

// field is who takes part in a case: nothing that cannot speak TLS where TLS is
// asked for, and where time is measured also the way without a proxy.
func (s scenario) field(who []contender) []contender {
	who = slices.DeleteFunc(slices.Clone(who), func(c contender) bool {
		return s.secure && c.plain || s.kind != frames && c.framesOnly
	})
	if s.kind == latency {
		straight := contender{name: noProxy, start: func(_ *lab, _ string, up upstream) (proxy, error) {
			return proxy{addr: up.addr, stop: func() {}}, nil
		}}
		who = append([]contender{straight}, who...)
	}
	return who
}

func subtract(v, direct map[string]float64) map[string]float64 {
	out := map[string]float64{}
	for k := range v {
		out[k] = v[k] - direct[k]
	}
	out["foreign"] = v["foreign"]
	return out
}

// takeQuietly takes a turn, again if it was disturbed, and returns the least disturbed.
func (l *lab) takeQuietly(s scenario, c contender) (map[string]float64, error) {
	var best map[string]float64
	for range 1 + quietRepeat {
		if err := l.awaitQuiet(); err != nil {
			return nil, err
		}
		began := time.Now()
		v, err := l.takeTwice(s, c)
		if err != nil {
			return nil, err
		}
		if best == nil {
			best = v
		} else {
			l.patience -= time.Since(began)
		}
		if v["foreign"] < best["foreign"] {
			best = v
		}
		// Memory does not depend on who else is at work; and a quick look is not worth a second one.
		if best["foreign"] <= quietCores || s.kind == idle || l.o.quick || l.patience <= 0 {
			break
		}
	}
	return best, nil
}

// takeTwice gives a turn that failed a second chance, and says so: among 10 000
// handshakes on a machine that is not ours alone one may time out.
func (l *lab) takeTwice(s scenario, c contender) (map[string]float64, error) {
	v, err := l.take(s, c)
	if err == nil || l.context.Err() != nil {
		return v, err
	}
	l.say("%s, %s: once more, for it failed: %v", s.name, c.name, err)
	return l.take(s, c)
}

// take is one turn: vendor, proxy and load come up, are measured, and go.
func (l *lab) take(s scenario, c contender) (map[string]float64, error) {
	dir := filepath.Join(l.dir, fmt.Sprintf("turn-%d", l.turn))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	// Everything comes up here and goes at the return, in the reverse order.
	var args []string
	if s.secure {
		args = append(args, "-cert", l.certs.cert, "-key", l.certs.key)
	}
	if s.kind == latency {
		args = append(args, "-echo")
	}
	vendor, addr, err := startRole(dir, "role-vendor", nil, args...)
	if err != nil {
		return nil, err
	}
	defer vendor.close()
	p, err := c.start(l, dir, upstream{addr: addr, secure: s.secure, ca: l.certs.ca})
	if err != nil {
		return nil, err
	}
	defer p.stop()
	args = []string{"-addr", p.addr, "-streams", fmt.Sprint(s.streams)}
	if s.query != "" {
		args = append(args, "-query", s.query)
	}
	if s.kind == latency {
		args = append(args, "-stamped")
	}
	load, _, err := startRole(dir, "role-load", nil, args...)
	if err != nil {
		return nil, err
	}
	defer load.close()
	t := turn{lab: l, s: s, vendor: vendor, load: load, proxy: p}
	return t.run()
}

// wait sleeps, or ends with the run.
func (l *lab) wait(d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-l.context.Done():
		return l.context.Err()
	}
}

// say is a line of progress.
func (l *lab) say(format string, args ...any) {
	head := ""
	if l.turn > 0 {
		spent := time.Since(l.began)
		left := time.Duration(float64(spent) / float64(l.turn) * float64(l.turns-l.turn))
		head = fmt.Sprintf("[%3d/%d, %v left] ", l.turn, l.turns, left.Round(time.Second))
	}
	fmt.Fprintf(l.stderr, head+format+"\n", args...)
}

func figures(k kind, v map[string]float64) string {
	var out strings.Builder
	for _, m := range k.metrics() {
		fmt.Fprintf(&out, "%9.*f %s %s", max(m.digits, 1), v[m.name], m.unit, m.title)
	}
	if v["foreign"] > quietCores {
		fmt.Fprintf(&out, "  (others kept %.1f cores busy)", v["foreign"])
	}
	if v["missed"] > 0 {
		fmt.Fprintf(&out, "  (%.1f %% of the frames were late)", 100*v["missed"])
	}
	return out.String()
}
