package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
)

// demoSpeed is how much faster than real time the demo talks: fast enough not to
// bore, slow enough for the cut to come inside the stream.
const demoSpeed = 4

// demoTimeout is a guard against hanging for ever, not a goal.
const demoTimeout = 2 * time.Minute

// demonstration is the command line of demo.
type demonstration struct{ json, verbose bool }

func (p *program) demoCommand() *cobra.Command {
	var d demonstration
	c := &cobra.Command{
		Use:   "demo",
		Short: "Show metering, a stop inside a stream and a 429: no keys, no servers, half a minute",
		Long: `Starts fake vendors and the gateway on free ports of this machine, streams eleven seconds
of real speech to each vendor (to Deepgram through its official Go SDK), and prints what
each side counted: the client, the vendor, the gateway's metrics and the ledger.

It checks its own figures and exits with 1, naming the wrong one, when they do not
agree. Nothing leaves this machine and nothing stays on it.`,
		Example: "  sttgate demo\n  sttgate demo --json | jq '.acts[] | {user, forwarded_ms, charged_ms}'",
		Args:    cobra.NoArgs,
	}
	c.Flags().BoolVar(&d.verbose, "verbose", false, "show the gateway's log and the SDK's on stderr")
	jsonFlag(c, &d.json)
	c.RunE = body(func(ctx context.Context, _ []string) error { return p.demo(ctx, d) })
	return c
}

func (p *program) demo(ctx context.Context, d demonstration) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, demoTimeout, errors.New("the demo hangs"))
	defer cancel()
	if err := quiet(d.verbose, p.stderr); err != nil {
		return err
	}
	h, err := openHouse(ctx, demoLog(d.verbose, p.stderr), demoRules())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()

	t := teller{story: p.stdout, progress: p.stderr}
	if d.json {
		t.story = p.stderr // stdout is one document
	}
	acts, err := t.tell(ctx, h)
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, context.Canceled):
		return errors.New("interrupted")
	case cause != nil:
		return errors.Join(cause, err)
	case err != nil:
		return err
	}
	return p.reportDemo(acts, d.json)
}

// teller plays the acts and says what is to be seen.
type teller struct{ story, progress io.Writer }

func (t teller) say(format string, args ...any) { _, _ = fmt.Fprintf(t.story, format+"\n", args...) }

func (t teller) tell(ctx context.Context, h *house) ([]act, error) {
	full := demoAudio()
	t.say(`Fake vendors run on %s and the gateway on %s.
Users send %s of speech, to Deepgram through its own SDK, %d times as fast as it was spoken.
`, h.vendors.url(), h.target("").url("ws", "", nil), seconds(full.millis(full.size)), demoSpeed)

	t.say("1. alice streams. Nobody limits her: all of it reaches the vendor and is metered.")
	free, _, err := t.play(ctx, h, "deepgram", actFree, "alice")
	if err != nil {
		return nil, err
	}

	t.say("\n2. An operator moves bob to the stage \"restrict\", which has a budget of %s.\n"+
		"   bob streams: the gateway swallows what is beyond it and keeps the stream alive.", seconds(demoBudget))
	if err := h.restrict(ctx, "bob"); err != nil {
		return nil, err
	}
	cut, o, err := t.play(ctx, h, "deepgram", actCut, "bob")
	if err != nil {
		return nil, err
	}
	if len(o.notices) > 0 {
		t.say("   bob's program was told: %s", o.notices[0].Reason)
	}

	t.say("\n3. bob comes again. Nothing is left, so the gateway refuses before the vendor hears of it.")
	no, _, err := t.play(ctx, h, "deepgram", actRefused, "bob")
	if err != nil {
		return nil, err
	}
	cut.BudgetMS, no.BudgetMS = demoBudget, demoBudget
	acts := []act{free, cut, no}
	for i, vendor := range []string{"soniox", "speechmatics"} {
		t.say("\n%d. The same two at %s. Cutting audio out would not end its bill, so bob's stream is ended\n"+
			"   at the budget, with its last results and an error that its SDKs understand.", i+4, vendor)
		more, err := t.pair(ctx, h, vendor)
		if err != nil {
			return nil, err
		}
		acts = append(acts, more...)
	}
	return acts, nil
}

// pair is a user whom nobody limits, and one whose budget ends inside the stream.
func (t teller) pair(ctx context.Context, h *house, vendor string) ([]act, error) {
	free, _, err := t.play(ctx, h, vendor, actFree, "alice")
	if err != nil {
		return nil, err
	}
	cut, o, err := t.play(ctx, h, vendor, actEnded, "bob")
	if err != nil {
		return nil, err
	}
	if len(o.notices) > 0 {
		t.say("   bob's program was told: %s", o.notices[0])
	}
	cut.BudgetMS = demoBudget
	return []act{free, cut}, nil
}

// play shows progress while an act runs.
func (t teller) play(ctx context.Context, h *house, vendor, name, user string) (act, outcome, error) {
	full := demoAudio()
	prog := newProgress(t.progress, "   "+user, full.millis(full.size))
	defer prog.done()
	x, o, err := h.play(ctx, vendor, name, user, watcher{sent: func(n int64) { prog.at(full.millis(n)) }})
	x.Result = x.result()
	return x, o, err
}

// result is the act in three words.
func (x act) result() string {
	switch {
	case x.Status == http.StatusSwitchingProtocols && x.Name == actEnded:
		return "ended at " + seconds(x.Forwarded)
	case x.Status == http.StatusSwitchingProtocols && x.Dropped > 0:
		return "cut at " + seconds(x.Forwarded)
	case x.Status == http.StatusSwitchingProtocols:
		return "all forwarded"
	default:
		return fmt.Sprintf("%d %s", x.Status, x.Reason)
	}
}

// demoReport is the demo for programs.
type demoReport struct {
	OK       bool    `json:"ok"`
	SpeechMS int64   `json:"speech_ms"`
	Acts     []act   `json:"acts"`
	Wrong    []wrong `json:"wrong"`
}

// reportDemo prints the table and judges it.
func (p *program) reportDemo(acts []act, asJSON bool) error {
	full := demoAudio()
	r := demoReport{SpeechMS: full.millis(full.size), Acts: acts, Wrong: []wrong{}}
	r.Wrong = append(r.Wrong, audit(acts, r.SpeechMS)...)
	r.OK = len(r.Wrong) == 0
	var err error
	if asJSON {
		err = p.printJSON(r)
	} else {
		err = p.print("\n%s\n", demoTable(acts))
	}
	for _, w := range r.Wrong {
		p.say("sttgate: demo: %s", w)
	}
	switch {
	case err != nil:
		return err
	case !r.OK:
		return errTold
	case asJSON:
		return nil
	}
	return p.print(`
The figures agree: forwarded is what the vendor counted, charged what the ledger holds,
dropped what the gateway's metrics say; the restricted user got the budget to the frame.

Next: sttgate serve, with your key in STTGATE_PROVIDERS_DEEPGRAM_KEY, and your SDK's URL on it.
`)
}

func demoTable(acts []act) string {
	w := newTable()
	w.AppendHeader(table.Row{"vendor", "user", "stage", "sent", "forwarded", "dropped", "charged", "vendor-reported", "result"})
	for _, x := range acts {
		if x.Status != http.StatusSwitchingProtocols {
			w.AppendRow(table.Row{x.Provider, x.User, x.Stage, "-", seconds(x.Forwarded), "-", seconds(x.Charged), "-", x.Result})
			continue
		}
		w.AppendRow(table.Row{
			x.Provider, x.User, x.Stage, seconds(x.SentMS), seconds(x.Forwarded), seconds(x.Dropped), seconds(x.Charged),
			seconds(x.Reported), x.Result,
		})
	}
	return w.Render()
}
