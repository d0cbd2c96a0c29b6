package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
)

// flaggedView is a page of users as the admin API tells it.
type flaggedView struct {
	Users []struct {
		User   string    `json:"user"`
		Stage  string    `json:"stage"`
		Since  time.Time `json:"since,omitzero"`
		Until  time.Time `json:"until,omitzero"`
		Cause  string    `json:"cause,omitempty"`
		Exempt bool      `json:"exempt,omitempty"`
		Case   string    `json:"case,omitempty"`
	} `json:"users"`
	Next string `json:"next,omitempty"`
}

// explainView is a decision as the admin API tells it.
type explainView struct {
	User     string    `json:"user"`
	Plan     string    `json:"plan,omitempty"`
	Provider string    `json:"provider"`
	Decision string    `json:"decision"`
	Reason   string    `json:"reason,omitempty"`
	Stage    string    `json:"stage"`
	At       time.Time `json:"at"`
	Rules    []struct {
		Rule string `json:"rule"`
		Name string `json:"name,omitempty"`
		Says string `json:"says"`
		Text string `json:"text"`
	} `json:"rules"`
}

func (p *program) userListCommand() *cobra.Command {
	var f adminFlags
	var stage string
	var asJSON bool
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the users who were moved to a stage, or are exempt",
		Example: "  sttgate user list\n  sttgate user list --stage restrict --json",
		Args:    cobra.NoArgs,
	}
	f.add(c)
	c.Flags().StringVar(&stage, "stage", "", "only those at this stage")
	completeFlag(c, "stage", stageList)
	jsonFlag(c, &asJSON)
	c.RunE = body(func(ctx context.Context, _ []string) error {
		a, err := p.admin(f)
		if err != nil {
			return err
		}
		all := flaggedView{}
		for page := (flaggedView{Next: " "}); page.Next != ""; {
			q := url.Values{"limit": {"1000"}}
			if stage != "" {
				q.Set("stage", stage)
			}
			if page.Next != " " {
				q.Set("cursor", page.Next)
			}
			page = flaggedView{}
			if err := a.call(ctx, http.MethodGet, "/admin/v1/users?"+q.Encode(), nil, &page); err != nil {
				return err
			}
			all.Users = append(all.Users, page.Users...)
		}
		if asJSON {
			return p.printJSON(all)
		}
		w := newTable()
		w.AppendHeader(table.Row{"user", "stage", "since", "until", "cause", "case"})
		for _, u := range all.Users {
			s := u.Stage
			if u.Exempt {
				s += ", exempt"
			}
			w.AppendRow(table.Row{u.User, s, stamp(u.Since), stamp(u.Until), u.Cause, u.Case})
		}
		return p.print("%s\n", w.Render())
	})
	return c
}

func (p *program) userResetCommand() *cobra.Command {
	return p.userWrite(&cobra.Command{
		Use:   "reset USER",
		Short: "Take a user back to stage none; nothing from before counts",
		Long: `Takes a user back to stage none. Violations from before do not count any more, and nobody reviews the
user for one cooldown. What was used stays used.`,
		Example: `  sttgate user reset ann --reason "sorted out, ticket 4711"`,
	}, http.MethodPost, "/reset", nil)
}

func (p *program) userExemptCommand() *cobra.Command {
	var last time.Duration
	var off bool
	c := p.userWrite(&cobra.Command{
		Use:   "exempt USER",
		Short: "Put a user outside all rules, or back under them",
		Long: `An exempt user is under no stage and no budget of their own, on running streams with their next lease. Budgets that
all users share hold on.`,
		Example: `  sttgate user exempt ann --reason "partner" --for 720h
  sttgate user exempt ann --off --reason "contract ended"`,
	}, http.MethodPut, "/exempt", func(in map[string]any) error {
		if last < 0 {
			return usagef("--for %s: must not be negative", last)
		}
		in["exempt"] = !off
		if last > 0 {
			in["until"] = last.String()
		}
		return nil
	})
	c.Flags().DurationVar(&last, "for", 0, "how long it holds (default: until it is changed)")
	c.Flags().BoolVar(&off, "off", false, "take the exemption back")
	return c
}

// userWrite is a change of a user with a reason; more adds members to what is sent.
func (p *program) userWrite(c *cobra.Command, method, path string, more func(map[string]any) error) *cobra.Command {
	var f adminFlags
	var reason string
	var asJSON bool
	c.Args = cobra.ExactArgs(1)
	f.add(c)
	c.Flags().StringVar(&reason, "reason", "", "why, in a few words, for the audit log (required)")
	jsonFlag(c, &asJSON)
	c.RunE = body(func(ctx context.Context, args []string) error {
		if strings.TrimSpace(reason) == "" {
			return usagef("--reason says why, for the audit log; it is missing")
		}
		in := map[string]any{"reason": reason}
		if more != nil {
			if err := more(in); err != nil {
				return err
			}
		}
		a, err := p.admin(f)
		if err != nil {
			return err
		}
		if err := a.call(ctx, method, userPath(args[0], path), in, nil); err != nil {
			return err
		}
		return p.showUser(ctx, a, args[0], asJSON)
	})
	return c
}

func (p *program) explainCommand() *cobra.Command {
	var f adminFlags
	var provider, plan string
	var asJSON bool
	c := &cobra.Command{
		Use:   "explain USER",
		Short: "Say what a connect of a user would be told now, and why",
		Long: `Asks a running gateway for the decision that a connect of a user would get now, with every rule that was looked at and its
numbers: + nothing against it, ! it fires, - it does not apply.`,
		Example: "  sttgate explain ann\n  sttgate explain ann --provider soniox --plan pro --json",
		Args:    cobra.ExactArgs(1),
	}
	f.add(c)
	c.Flags().StringVar(&provider, "provider", "", "the vendor that would be connected to (default: deepgram)")
	completeFlag(c, "provider", vendorList)
	c.Flags().StringVar(&plan, "plan", "", "the user's plan, where budgets or caps depend on it")
	jsonFlag(c, &asJSON)
	c.RunE = body(func(ctx context.Context, args []string) error {
		a, err := p.admin(f)
		if err != nil {
			return err
		}
		q := url.Values{}
		for k, v := range map[string]string{"provider": provider, "plan": plan} {
			if v != "" {
				q.Set(k, v)
			}
		}
		var v explainView
		if err := a.call(ctx, http.MethodGet, userPath(args[0], "/explain?"+q.Encode()), nil, &v); err != nil {
			return err
		}
		if asJSON {
			return p.printJSON(v)
		}
		return p.print("%s\n%s\n", v.headline(), v.table())
	})
	return c
}

func (v explainView) headline() string {
	s := fmt.Sprintf("%s at %s: %s", v.User, v.Provider, v.Decision)
	if v.Reason != "" {
		s += " (" + v.Reason + ")"
	}
	return s + ", stage " + v.Stage
}

func (v explainView) table() string {
	w := newTable()
	marks := map[string]string{"pass": "+", "hit": "!", "skip": "-"}
	for _, r := range v.Rules {
		w.AppendRow(table.Row{marks[r.Says], strings.TrimSpace(r.Rule + " " + r.Name), r.Text})
	}
	return w.Render()
}
