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
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// options are the flags of a run.
type options struct {
	quick   bool
	only    string
	proxies string
	rounds  int
	window  time.Duration
	json    bool
	out     string
	gateway string
}

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	if err := raiseFileLimit(); err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	if len(args) > 0 {
		if role, ok := roles()[args[0]]; ok {
			if err := role(args[1:]); err != nil {
				fmt.Fprintf(stderr, "bench %s: %v\n", args[0], err)
				return 1
			}
			return 0
		}
	}
	if len(args) > 0 && args[0] == "ledger" {
		return ledgerMain(args[1:], stdout, stderr)
	}
	o, err := parse(args, stderr)
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
	if err := measure(ctx, o, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	return 0
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.BoolVar(&o.quick, "quick", false, "small figures in under two minutes: one round, short windows, 1000 idle streams")
	fs.StringVar(&o.only, "only", "", "cases to run, comma separated: "+strings.Join(caseNames(), ", "))
	fs.StringVar(&o.proxies, "proxies", "", "contenders to run, comma separated: "+strings.Join(contenderNames(), ", "))
	fs.IntVar(&o.rounds, "rounds", 0, "rounds per case (default 3; 1 with -quick)")
	fs.DurationVar(&o.window, "window", 0, "measured window of each run (default 5s; 700ms with -quick)")
	fs.BoolVar(&o.json, "json", false, "print every sample as JSON instead of the tables")
	fs.StringVar(&o.out, "out", "", "Markdown file whose generated part is replaced; a full run of all cases and contenders belongs in docs/benchmarks.md")
	fs.StringVar(&o.gateway, "sttgate", "", "the sttgate binary (default: built from ./cmd/sttgate)")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		fmt.Fprintf(stderr, "bench: unexpected argument %q\n", fs.Arg(0))
		return o, errors.New("usage")
	}
	if o.rounds <= 0 {
		o.rounds = 3
		if o.quick {
			o.rounds = 1
		}
	}
	if o.window <= 0 {
		o.window = 5 * time.Second
		if o.quick {
			o.window = 700 * time.Millisecond
		}
	}
	return o, nil
}

// roles are the parts that this binary plays in processes of their own.
func roles() map[string]func([]string) error {
	return map[string]func([]string) error{
		"role-vendor":  vendorMain,
		"role-load":    loadMain,
		"role-gorilla": gorillaMain,
		"role-reverse": reverseMain,
		"role-tcp":     tcpMain,
		"role-relay":   relayMain,
	}
}
