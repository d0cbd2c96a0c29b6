//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ledgerOptions are the flags of `bench ledger`.
type ledgerOptions struct {
	quick    bool
	only     string
	streams  int
	million  int
	shards   int
	users    int
	gateways int
	window   time.Duration
	slice    time.Duration
	out      string
	relay    string // the page with the gateway's own cost
}

// share is the streams of one shard.
func (o ledgerOptions) share() int { return max(1, o.million/o.shards) }

// short is the window of a flood.
func (o ledgerOptions) short() time.Duration {
	if o.quick {
		return 400 * time.Millisecond
	}
	return 3 * time.Second
}

// warmUp opens 1500 streams a second: faster would be a storm, which is not what is measured.
func (o ledgerOptions) warmUp() time.Duration {
	return time.Duration(max(o.streams, o.share())) * time.Second / 1500
}

// ledgerCase is one part of a run.
type ledgerCase struct {
	name string
	run  func(ctx context.Context, s *redisServer, o ledgerOptions, b *ledgerBook) error
}

func ledgerCases() []ledgerCase {
	return []ledgerCase{
		{"calls", func(ctx context.Context, s *redisServer, o ledgerOptions, b *ledgerBook) (err error) {
			b.Calls, err = callsCase(ctx, s, o)
			return err
		}},
		{"memory", func(ctx context.Context, s *redisServer, o ledgerOptions, b *ledgerBook) (err error) {
			b.Memory, err = memoryCase(ctx, s, o)
			return err
		}},
		{"read", func(ctx context.Context, s *redisServer, o ledgerOptions, b *ledgerBook) (err error) {
			b.Read, err = readCase(ctx, s, o)
			return err
		}},
		{"ceiling", func(ctx context.Context, s *redisServer, o ledgerOptions, b *ledgerBook) (err error) {
			b.Ceiling, err = ceilingCase(ctx, s, o)
			return err
		}},
		{"streams", func(ctx context.Context, s *redisServer, o ledgerOptions, b *ledgerBook) (err error) {
			b.Streams, err = streamsCase(ctx, s, o)
			return err
		}},
		{"shard", func(ctx context.Context, s *redisServer, o ledgerOptions, b *ledgerBook) (err error) {
			b.People, b.Shard, err = shardCase(ctx, s, o)
			return err
		}},
	}
}

func ledgerCaseNames() []string {
	var names []string
	for _, c := range ledgerCases() {
		names = append(names, c.name)
	}
	return names
}

// ledgerMain is `bench ledger`.
func ledgerMain(args []string, stdout, stderr io.Writer) int {
	o, err := parseLedger(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return 2
	}
	// The kernel kills children with the thread that forked them, not with the process.
	runtime.LockOSThread()
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	b, err := measureLedger(ctx, o, stderr)
	if err != nil {
		b.o.out = "" // what was measured before is shown, and no document is made of half a run
	}
	if err = errors.Join(err, publishLedger(b, stdout)); err != nil {
		fmt.Fprintln(stderr, "bench ledger:", err)
		return 1
	}
	return 0
}

func parseLedger(args []string, stderr io.Writer) (ledgerOptions, error) {
	var o ledgerOptions
	fs := flag.NewFlagSet("bench ledger", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.BoolVar(&o.quick, "quick", false, "small figures in some seconds, for a first look")
	fs.StringVar(&o.only, "only", "", "cases to run, comma separated: "+strings.Join(ledgerCaseNames(), ", "))
	fs.IntVar(&o.streams, "streams", 10_000, "virtual streams of the case streams")
	fs.IntVar(&o.million, "million", 1_000_000, "streams of the largest installation")
	fs.IntVar(&o.shards, "shards", 54, "shards that it is spread over; the case shard is one of them")
	fs.IntVar(&o.users, "users", 1_000_000, "users whose records are in that one server")
	fs.IntVar(&o.gateways, "gateways", 10, "gateways, each with a pool of connections")
	fs.DurationVar(&o.window, "window", 20*time.Second, "how long streams are watched in real time")
	fs.DurationVar(&o.slice, "slice", 5*time.Second, "ledger.slice")
	fs.StringVar(&o.out, "out", "", "Markdown file whose generated part is replaced, with -only those of its tables that were measured; docs/scale.md")
	fs.StringVar(&o.relay, "relay", "docs/benchmarks.md", "the page with what the relay costs per frame and stream")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	fault := ""
	switch {
	case fs.NArg() > 0:
		fault = fmt.Sprintf("unexpected argument %q", fs.Arg(0))
	case min(o.streams, o.million, o.shards, o.users, o.gateways) < 1 || min(o.window, o.slice) <= 0:
		fault = "numbers and times must be above zero"
	case o.quick:
		o.streams, o.million, o.users, o.window = min(o.streams, 300), min(o.million, 300*o.shards), min(o.users, 2000), min(o.window, 2*time.Second)
	}
	for word := range strings.SplitSeq(o.only, ",") {
		if word != "" && !slices.Contains(ledgerCaseNames(), word) {
			fault = fmt.Sprintf("no case %q: use %s", word, strings.Join(ledgerCaseNames(), ", "))
		}
	}
	if fault != "" {
		fmt.Fprintln(stderr, "bench ledger:", fault)
		return o, errors.New("usage")
	}
	return o, nil
}

// measureLedger runs the cases one after the other on one server.
func measureLedger(ctx context.Context, o ledgerOptions, stderr io.Writer) (b ledgerBook, err error) {
	b.o = o
	if b.gateway, err = readGatewayCost(o.relay); err != nil {
		fmt.Fprintf(stderr, "bench ledger: what gateways need is left out: %v\n", err)
	}
	dir, err := os.MkdirTemp("", "bench-ledger")
	if err != nil {
		return b, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := bindLoad(ctx); err != nil {
		return b, err
	}
	s, err := startRedis(ctx, dir)
	if err != nil {
		return b, err
	}
	defer s.close()
	b.Where = ledgerMachine(o, s.version)
	for _, c := range ledgerCases() {
		if o.only != "" && !slices.Contains(strings.Split(o.only, ","), c.name) {
			continue
		}
		began := time.Now()
		if err := c.run(ctx, s, o, &b); err != nil {
			return b, fmt.Errorf("%s: %w", c.name, err)
		}
		fmt.Fprintf(stderr, "%s: %.0f s\n", c.name, time.Since(began).Seconds())
	}
	return b, nil
}

// ledgerMachine says where, when and how.
func ledgerMachine(o ledgerOptions, version string) string {
	m := thisMachine(options{})
	command := "go run ./proxy/bench ledger"
	if o.quick {
		command += " -quick"
	}
	if o.only != "" {
		command += " -only " + o.only
	}
	return fmt.Sprintf("Measured %s with `%s`: %d cores (%s), Linux %s, Redis %s on one of them, appendonly everysec; the load on the other(s), %d gateways, %s, loopback; slice %v.",
		m.Date, command, m.Cores, m.CPU, m.Kernel, version, o.gateways, m.Go, o.slice)
}
