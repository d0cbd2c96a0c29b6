package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
)

// liveStream is a running stream as the admin API tells it.
type liveStream struct {
	ID          string    `json:"id"`
	User        string    `json:"user"`
	Provider    string    `json:"provider"`
	Started     time.Time `json:"started"`
	State       string    `json:"state"`
	Mode        string    `json:"mode"`
	Plan        string    `json:"plan,omitempty"`
	Variant     string    `json:"variant,omitempty"`
	Model       string    `json:"model,omitempty"`
	Stage       string    `json:"stage,omitempty"`
	AgeMS       int64     `json:"age_ms"`
	ForwardedMS int64     `json:"forwarded_ms"`
	DroppedMS   int64     `json:"dropped_ms"`
	ChargedMS   int64     `json:"charged_ms"`
	Budget      string    `json:"budget,omitempty"`
	LeftMS      int64     `json:"left_ms"`
}

// streamsView is a page of them.
type streamsView struct {
	Streams []liveStream `json:"streams"`
	Total   int          `json:"total"`
	Next    string       `json:"next,omitempty"`
}

func (p *program) streamsCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "streams",
		Short: "List the streams that run on a gateway, end one",
		Long:  "Asks the admin API of a running gateway. The config says where it listens and which token it wants.",
		Example: `  sttgate streams list
  sttgate streams list --user ann --json
  sttgate streams kill 0197c5e2-3c51-7d1f-9d0f-6b0c3d6f8a11`,
	}, p.streamsListCommand(), p.streamsKillCommand())
}

func (p *program) streamsListCommand() *cobra.Command {
	var f adminFlags
	var user, provider string
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the streams and uploads that run on a gateway, oldest first",
		Long: `Lists the streams and uploads that run on one gateway, oldest first. A stream is forwarding, dropping (its audio is
swallowed), paced (it passes at its stage's pace at most) or ending. What is left is of the tightest budget, as of the newest lease.`,
		Example: "  sttgate streams list\n  sttgate streams list --user ann\n  sttgate streams list --provider soniox --json",
		Args:    cobra.NoArgs,
	}
	f.add(c)
	c.Flags().StringVar(&user, "user", "", "only this user's")
	c.Flags().StringVar(&provider, "provider", "", "only those to this `vendor`: "+vendorNames())
	completeFlag(c, "provider", vendorList)
	jsonFlag(c, &asJSON)
	c.RunE = body(func(ctx context.Context, _ []string) error {
		a, err := p.admin(f)
		if err != nil {
			return err
		}
		all, err := a.streams(ctx, user, provider)
		if err != nil {
			return err
		}
		if asJSON {
			return p.printJSON(all)
		}
		return p.print("%s\n", all.table())
	})
	return c
}

// streams reads all pages.
func (a adminClient) streams(ctx context.Context, user, provider string) (streamsView, error) {
	all := streamsView{Streams: []liveStream{}}
	q := url.Values{"limit": {"1000"}}
	for k, v := range map[string]string{"user": user, "provider": provider} {
		if v != "" {
			q.Set(k, v)
		}
	}
	for {
		var page streamsView
		if err := a.call(ctx, http.MethodGet, "/admin/v1/streams?"+q.Encode(), nil, &page); err != nil {
			return all, err
		}
		all.Streams = append(all.Streams, page.Streams...)
		if page.Next == "" {
			all.Total = len(all.Streams)
			return all, nil
		}
		q.Set("cursor", page.Next)
	}
}

func (v streamsView) table() string {
	if len(v.Streams) == 0 {
		return "no streams"
	}
	w := newTable()
	w.AppendHeader(table.Row{"stream", "user", "vendor", "state", "age", "forwarded", "dropped", "charged", "left", "stage"})
	for _, s := range v.Streams {
		left := "no budget"
		if s.Budget != "" {
			left = seconds(s.LeftMS) + " of " + s.Budget
		}
		age := (time.Duration(s.AgeMS) * time.Millisecond).Round(time.Second)
		w.AppendRow(table.Row{s.ID, s.User, s.Provider, s.State, age, seconds(s.ForwardedMS), seconds(s.DroppedMS), seconds(s.ChargedMS), left, s.Stage})
	}
	return w.Render()
}

func (p *program) streamsKillCommand() *cobra.Command {
	var f adminFlags
	var asJSON bool
	c := &cobra.Command{
		Use:   "kill STREAM",
		Short: "End a stream politely",
		Long: `Ends a stream the way the vendor would: its end of stream, its last results, a close. What was forwarded stays charged. The
client may connect again: against that, move its user to a stage.`,
		Example: "  sttgate streams kill 0197c5e2-3c51-7d1f-9d0f-6b0c3d6f8a11",
		Args:    cobra.ExactArgs(1),
	}
	f.add(c)
	jsonFlag(c, &asJSON)
	c.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		a, err := p.admin(f)
		if err != nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		all, err := a.streams(cmd.Context(), "", "")
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var ids []string
		for _, s := range all.Streams {
			ids = append(ids, s.ID+"\t"+s.User+" at "+s.Provider)
		}
		return ids, cobra.ShellCompDirectiveNoFileComp
	}
	c.RunE = body(func(ctx context.Context, args []string) error {
		a, err := p.admin(f)
		if err != nil {
			return err
		}
		var out struct {
			Stream string `json:"stream"`
			Ending bool   `json:"ending"`
		}
		if err := a.call(ctx, http.MethodDelete, "/admin/v1/streams/"+url.PathEscape(args[0]), nil, &out); err != nil {
			return err
		}
		if asJSON {
			return p.printJSON(out)
		}
		return p.print("stream %s is ending\n", out.Stream)
	})
	return c
}

func (p *program) drainCommand() *cobra.Command {
	var f adminFlags
	var asJSON bool
	c := &cobra.Command{
		Use:   "drain",
		Short: "Take a gateway out of service",
		Long: `Begins the drain, as SIGTERM does: new streams are refused with 503, running ones go on for drain.grace and are then ended the way the
vendor would. The process ends when no stream is left. There is no way back but a restart.`,
		Example: "  sttgate drain\n  sttgate drain --admin 10.0.0.7:9090",
		Args:    cobra.NoArgs,
	}
	f.add(c)
	jsonFlag(c, &asJSON)
	c.RunE = body(func(ctx context.Context, _ []string) error {
		a, err := p.admin(f)
		if err != nil {
			return err
		}
		var out struct {
			Draining bool `json:"draining"`
			Streams  int  `json:"streams"`
		}
		all, err := a.streams(ctx, "", "")
		if err != nil {
			return err
		}
		if err := a.call(ctx, http.MethodPost, "/admin/v1/drain", nil, &out); err != nil {
			return err
		}
		if out.Streams = all.Total; asJSON {
			return p.printJSON(out)
		}
		return p.print("%s\n", fmt.Sprintf("draining; %d streams go on until drain.grace is over", out.Streams))
	})
	return c
}
