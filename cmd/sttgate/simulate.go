package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/policy/simulate"
)

func (p *program) simulateCommand() *cobra.Command {
	var file, usage string
	var score float64
	var most int
	var asJSON bool
	c := &cobra.Command{
		Use:   "simulate",
		Short: "Replay recorded use against another config: who would be moved, refused or cut",
		Long: `Reads usage events (JSON lines, docs/events.md) and replays them against a config, with the very functions that decide in the
gateway, from nobody at any stage. Nothing is asked and nothing is changed.

What a classifier would say is not known: every review finds --score (1: the caps alone decide). Clients do what they
did then: nobody comes back because of a refusal.`,
		Example: `  sttgate simulate --config new.yaml --usage october.jsonl
  sttgate simulate --config new.yaml --usage october.jsonl --score 0.4 --json`,
		Args: cobra.NoArgs,
	}
	configFlag(c, &file)
	c.Flags().StringVar(&usage, "usage", "", "the usage events' `file` (required)")
	c.Flags().Float64Var(&score, "score", 1, "what every review finds, 0 to 1")
	c.Flags().IntVar(&most, "steps", 20, "how many steps are listed; --json lists all")
	jsonFlag(c, &asJSON)
	c.RunE = body(func(context.Context, []string) error {
		switch {
		case usage == "":
			return usagef("--usage says which events are replayed; it is missing")
		case !(score >= 0 && score <= 1):
			return usagef("--score %v: must be 0 to 1", score)
		}
		return p.simulate(file, usage, score, most, asJSON)
	})
	return c
}

func (p *program) simulate(file, usage string, score float64, most int, asJSON bool) error {
	cfg, err := p.load(file)
	if err != nil {
		return err
	}
	loc, err := cfg.Ledger.Location()
	if err != nil {
		return err
	}
	f, err := os.Open(usage)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only read
	info, err := f.Stat()
	if err != nil {
		return err
	}
	bar := newByteProgress(p.stderr, "reading", info.Size())
	record, err := simulate.Read(f, bar.at)
	bar.done()
	if err != nil {
		return failure{fmt.Errorf("%s: %w", usage, err)}
	}
	o := simulate.Options{Rules: cfg.Policy.Rules, Budgets: cfg.Proxy.Budgets, Location: loc}
	if score < 1 {
		o.Verdict = policy.Verdict{Score: score, Type: "simulated"}
	}
	r, err := simulate.Run(record.Parts, o)
	if err != nil {
		return failure{err}
	}
	r.RefusedBefore = record.Refused
	if asJSON {
		return p.printJSON(r)
	}
	return p.print("%s\n%s\n%s", simulatedTotals(r), simulatedStages(r), simulatedSteps(r, most))
}

func simulatedTotals(r simulate.Report) string {
	w := newTable()
	w.AppendRow(table.Row{"recorded", fmt.Sprintf("%s to %s: %d users, %d parts", stamp(r.From.UTC().Truncate(time.Second)), stamp(r.To.UTC().Truncate(time.Second)), r.Users, r.Parts)})
	w.AppendRow(table.Row{"refused before", fmt.Sprintf("%d times, %d users", r.RefusedBefore.Times, r.RefusedBefore.Users)})
	w.AppendRow(table.Row{"audio before", seconds(r.Before)})
	w.AppendRow(table.Row{"audio after", seconds(r.After)})
	w.AppendRow(table.Row{"cut", fmt.Sprintf("%s of %d users; of %d parts nothing passes", seconds(r.Cut), r.CutUsers, r.Refused)})
	if r.ShadowCut > 0 {
		w.AppendRow(table.Row{"shadow budgets", "would cut " + seconds(r.ShadowCut)})
	}
	w.AppendRow(table.Row{"reviews", fmt.Sprint(r.Reviews)})
	return w.Render()
}

func simulatedStages(r simulate.Report) string {
	w := newTable()
	w.AppendHeader(table.Row{"stage", "at the end", "share", "highest ever", "share"})
	for _, s := range r.Stages {
		w.AppendRow(table.Row{s.Stage, s.AtEnd, share(s.AtEnd, r.Users), s.Ever, share(s.Ever, r.Users)})
	}
	return w.Render()
}

func share(n, of int) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f %%", 100*float64(n)/float64(of))
}

func simulatedSteps(r simulate.Report, most int) string {
	if len(r.Steps) == 0 || most <= 0 {
		return ""
	}
	w := newTable()
	w.AppendHeader(table.Row{"when", "user", "step", "cap", "why"})
	for _, s := range r.Steps[:min(most, len(r.Steps))] {
		w.AppendRow(table.Row{stamp(s.At.UTC().Truncate(time.Second)), s.User, fmt.Sprintf("%s to %s", s.From, s.To), s.Cap, s.Why})
	}
	out := w.Render() + "\n"
	if more := len(r.Steps) - most; more > 0 {
		out += fmt.Sprintf("and %d steps more; --json has all\n", more)
	}
	return out
}
