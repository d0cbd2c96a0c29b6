package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const (
	// grantTries is how often a grant is asked for whose answer is lost, or which the gateway could not write: by its id it
	// counts once.
	grantTries = 3
	grantPause = time.Second
)

// grantView is what became of a grant, as the admin API tells it.
type grantView struct {
	User      string        `json:"user"`
	ID        string        `json:"id"`
	GrantedMS int64         `json:"granted_ms"`
	BeforeMS  int64         `json:"before_ms"`
	AfterMS   int64         `json:"after_ms"`
	Repeated  bool          `json:"repeated,omitempty"`
	Applies   bool          `json:"applies"`
	Budget    budgetBalance `json:"budget"`
	At        time.Time     `json:"at"`
}

// grantOrder is what is posted for one.
type grantOrder struct {
	Budget       string `json:"budget"`
	Milliseconds int64  `json:"milliseconds"`
	Reason       string `json:"reason"`
}

func (p *program) userGrantCommand() *cobra.Command {
	var f adminFlags
	var o grantOrder
	var more time.Duration
	var id string
	var asJSON bool
	c := &cobra.Command{
		Use:   "grant USER",
		Short: "Give a user more of a budget, for the window that runs now",
		Long: `Gives a user more of one of their own budgets: today, of a budget per day. It ends with its window. Running streams have it
with their next lease, and those that drop audio go on; the next connect is let in. What is used stays used. Of a rolling
window it counts from now until now has left the window.

A negative time takes back what was granted in this window, and no more than that.`,
		Example: `  sttgate user grant ann --budget deepgram-daily --time 10m --reason "ticket 4711"
  sttgate user grant ann --budget deepgram-daily --time -1h --reason "one hour too much"`,
		Args: cobra.ExactArgs(1),
	}
	f.add(c)
	c.Flags().StringVar(&o.Budget, "budget", "", "the budget's name in the config (required)")
	c.Flags().DurationVar(&more, "time", 0, "how much audio; less than 0 takes back (required)")
	c.Flags().StringVar(&o.Reason, "reason", "", "why, in a few words, for the audit log (required)")
	c.Flags().StringVar(&id, "id", "", "names the grant: a command with the same id is carried out once (default: a new one)")
	jsonFlag(c, &asJSON)
	c.RunE = body(func(ctx context.Context, args []string) error {
		switch {
		case o.Budget == "":
			return usagef("--budget says of which budget; it is missing")
		case more == 0 || more%time.Millisecond != 0:
			return usagef("--time %s: say how much audio, in whole milliseconds", more)
		case strings.TrimSpace(o.Reason) == "":
			return usagef("--reason says why, for the audit log; it is missing")
		}
		o.Milliseconds = more.Milliseconds()
		if id == "" {
			id = rand.Text()
		}
		a, err := p.admin(f)
		if err != nil {
			return err
		}
		v, err := a.grant(ctx, args[0], id, o)
		if err != nil {
			return fmt.Errorf("%w (to ask for the same grant again: --id %s)", err, id)
		}
		if asJSON {
			return p.printJSON(v)
		}
		if err := p.print("%s\n", v); err != nil {
			return err
		}
		return p.showUser(ctx, a, args[0], false)
	})
	return c
}

// grant asks until there is an answer that stands.
func (a adminClient) grant(ctx context.Context, user, id string, o grantOrder) (v grantView, err error) {
	for try := 1; ; try++ {
		err = a.callWith(ctx, http.MethodPost, userPath(user, "/grants"), http.Header{"Idempotency-Key": {id}}, o, &v)
		var said *answerError
		if err == nil || errors.As(err, &said) && said.code < http.StatusInternalServerError || try == grantTries {
			return v, err
		}
		select {
		case <-time.After(grantPause):
		case <-ctx.Done():
			return v, err
		}
	}
}

// String says what became of it in one line.
func (v grantView) String() string {
	did := "granted"
	if v.GrantedMS < 0 {
		did = "took back"
	}
	s := fmt.Sprintf("%s %s of %s; %s are granted in this window", did, seconds(max(v.GrantedMS, -v.GrantedMS)), v.Budget.Budget, seconds(v.AfterMS))
	if v.Repeated {
		s += " (it was carried out before; nothing has changed)"
	}
	if !v.Applies {
		s += "\nnote: this budget does not hold for " + v.User + " as they stand (sttgate explain " + v.User + ")"
	}
	return s
}
