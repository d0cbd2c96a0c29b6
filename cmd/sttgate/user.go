package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/sttgate/sttgate/policy"
)

// userView is one user as the admin API tells it.
type userView struct {
	User    string          `json:"user"`
	Stage   string          `json:"stage"`
	Since   time.Time       `json:"since,omitzero"`
	Until   time.Time       `json:"until,omitzero"`
	Reason  string          `json:"reason,omitempty"`
	By      string          `json:"by,omitempty"`
	Usage   []windowUsage   `json:"usage"`
	Budgets []budgetBalance `json:"budgets"`
	Running int             `json:"running"`
	Streams []liveStream    `json:"streams"`
	Events  []userEvent     `json:"events"`
}

// userEvent is one step of the user's history.
type userEvent struct {
	At     time.Time `json:"at"`
	From   string    `json:"from"`
	To     string    `json:"to"`
	Cause  string    `json:"cause"`
	Case   string    `json:"case,omitempty"`
	By     string    `json:"by,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Shadow bool      `json:"shadow,omitempty"`
}

// windowUsage is forwarded audio in a rolling window.
type windowUsage struct {
	Window  string `json:"window"`
	AudioMS int64  `json:"audio_ms"`
}

// stageChange is what is put to change a stage.
type stageChange struct {
	Stage  policy.Stage `json:"stage"`
	Reason string       `json:"reason"`
	Until  time.Time    `json:"until,omitzero"`
}

func (a adminClient) user(ctx context.Context, id string) (userView, error) {
	var v userView
	err := a.call(ctx, http.MethodGet, userPath(id, ""), nil, &v)
	return v, err
}

func (a adminClient) stage(ctx context.Context, id string, c stageChange) error {
	return a.call(ctx, http.MethodPut, userPath(id, "/stage"), c, nil)
}

func (p *program) userCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "user",
		Short: "Look at a user, move a user to a stage",
		Long:  "Asks the admin API of a running gateway. The config says where it listens and which token it wants.",
		Example: `  sttgate user show ann
  sttgate user stage ann restrict --reason "shared account" --for 24h
  sttgate user grant ann --budget deepgram-daily --time 10m --reason "ticket 4711"
  sttgate user list --stage throttle
  sttgate user reset ann --reason "sorted out"
  sttgate user exempt ann --reason "partner" --for 720h`,
	}, p.userShowCommand(), p.userStageCommand(), p.userGrantCommand(), p.userListCommand(), p.userResetCommand(), p.userExemptCommand())
}

func (p *program) userShowCommand() *cobra.Command {
	var f adminFlags
	var asJSON bool
	c := &cobra.Command{
		Use:     "show USER",
		Short:   "Show a user's stage, usage and budgets",
		Example: "  sttgate user show ann\n  sttgate user show ann --admin 10.0.0.7:9090 --json",
		Args:    cobra.ExactArgs(1),
	}
	f.add(c)
	jsonFlag(c, &asJSON)
	c.RunE = body(func(ctx context.Context, args []string) error {
		a, err := p.admin(f)
		if err != nil {
			return err
		}
		return p.showUser(ctx, a, args[0], asJSON)
	})
	return c
}

func (p *program) userStageCommand() *cobra.Command {
	var f adminFlags
	var reason string
	var last time.Duration
	var asJSON bool
	c := &cobra.Command{
		Use:   "stage USER none|warning|throttle|restrict",
		Short: "Move a user to a stage",
		Long: `Moves a user to a stage and shows what became of it. Running streams follow with their
next lease. What a stage means is written in the config: the budgets that name it.`,
		Example: `  sttgate user stage ann restrict --reason "shared account" --for 24h
  sttgate user stage ann none --reason "sorted out"`,
		Args: cobra.ExactArgs(2),
	}
	completeArg(c, 1, stageList)
	f.add(c)
	c.Flags().StringVar(&reason, "reason", "", "why, in a few words, for the audit log (required)")
	c.Flags().DurationVar(&last, "for", 0, "how long it holds (default: until it is changed)")
	jsonFlag(c, &asJSON)
	c.RunE = body(func(ctx context.Context, args []string) error {
		stage, err := policy.ParseStage(args[1])
		if err != nil {
			return usageError{err}
		}
		switch {
		case last < 0:
			return usagef("--for %s: must not be negative", last)
		case strings.TrimSpace(reason) == "":
			return usagef("--reason says why, for the audit log; it is missing")
		}
		change := stageChange{Stage: stage, Reason: reason}
		if last > 0 {
			change.Until = time.Now().Add(last).UTC().Truncate(time.Second)
		}
		a, err := p.admin(f)
		if err != nil {
			return err
		}
		if err := a.stage(ctx, args[0], change); err != nil {
			return err
		}
		return p.showUser(ctx, a, args[0], asJSON)
	})
	return c
}

func (p *program) showUser(ctx context.Context, a adminClient, id string, asJSON bool) error {
	v, err := a.user(ctx, id)
	if err != nil {
		return err
	}
	if asJSON {
		return p.printJSON(v)
	}
	return p.print("%s\n", v.table())
}

func (v userView) table() string {
	w := newTable()
	row := func(k, val string) {
		if val != "" {
			w.AppendRow(table.Row{k, val})
		}
	}
	row("user", v.User)
	row("stage", v.Stage)
	row("since", stamp(v.Since))
	row("until", stamp(v.Until))
	row("reason", v.Reason)
	row("by", v.By)
	for _, u := range v.Usage {
		row("last "+u.Window, seconds(u.AudioMS)+" of audio")
	}
	for _, b := range v.Budgets {
		row(b.Budget, b.String())
	}
	if v.Running > len(v.Streams) {
		row("running", fmt.Sprintf("%d streams on all gateways", v.Running))
	}
	for _, x := range v.Streams {
		row("stream "+x.ID, fmt.Sprintf("%s, %s, %s forwarded, %s dropped", x.Provider, x.State, seconds(x.ForwardedMS), seconds(x.DroppedMS)))
	}
	for i, e := range v.Events {
		if i == shownEvents {
			break
		}
		row("event", e.String())
	}
	return w.Render()
}

// shownEvents is how much of a user's history people get; --json has all that is kept.
const shownEvents = 5

func (e userEvent) String() string {
	says := []string{stamp(e.At) + ": " + e.From + " to " + e.To, e.Cause}
	for _, more := range []string{e.Case, e.By, e.Reason} {
		if more != "" {
			says = append(says, more)
		}
	}
	s := strings.Join(says, ", ")
	if e.Shadow {
		s += " (shadow)"
	}
	return s
}

// String is a balance for people.
func (b budgetBalance) String() string {
	s := fmt.Sprintf("%s left of %s", seconds(b.RemainingMS), seconds(b.LimitMS))
	if b.GrantedMS > 0 {
		s += " and " + seconds(b.GrantedMS) + " granted"
	}
	if !b.Resets.IsZero() {
		s += ", resets " + stamp(b.Resets)
	}
	switch b.Per {
	case policy.PerProvider:
		s += "; shared by all users of " + b.Provider
	case policy.PerAll:
		s += "; shared by all users"
	}
	return s
}

// stamp writes a time, or nothing for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}
