package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/sttgate/sttgate/config"
)

// reloadView is what a reload has done.
type reloadView struct {
	Hash    string       `json:"hash"`
	Changes []changeView `json:"changes"`
	Restart []changeView `json:"needs_restart"`
}

type changeView struct {
	Key  string `json:"key"`
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

// refusedView is a config that was not put into force.
type refusedView struct {
	Faults []checkedFault `json:"faults"`
}

func (p *program) reloadCommand() *cobra.Command {
	var f adminFlags
	var asJSON bool
	c := &cobra.Command{
		Use:   "reload",
		Short: "Let a running gateway read its config again",
		Long: `Asks a running gateway to read its config file again and to put it into force, and shows what changed. Running
streams follow with their next lease; what was used stays used. What only a restart can change is said and stays as it is.

A file with a fault changes nothing: it prints one line per fault and exits with 1. --config says where the gateway's admin
listener is; the gateway reads the file that it was started with, in its own environment.`,
		Example: `  sttgate check --config gate.yaml && sttgate reload --config gate.yaml
  sttgate reload --admin 10.0.0.7:9090 --json`,
		Args: cobra.NoArgs,
	}
	f.add(c)
	jsonFlag(c, &asJSON)
	c.RunE = body(func(ctx context.Context, _ []string) error {
		a, err := p.admin(f)
		if err != nil {
			return err
		}
		var v reloadView
		if err := a.call(ctx, http.MethodPost, "/admin/v1/config/reload", nil, &v); err != nil {
			return p.reloadRefused(err, asJSON)
		}
		if asJSON {
			return p.printJSON(v)
		}
		return p.print("%s", v)
	})
	return c
}

// reloadRefused shows the faults where the file is to blame.
func (p *program) reloadRefused(err error, asJSON bool) error {
	var answer *answerError
	var v refusedView
	if !errors.As(err, &answer) || json.Unmarshal(answer.body, &v) != nil || len(v.Faults) == 0 {
		return err
	}
	if asJSON {
		if err := p.printJSON(v); err != nil {
			return err
		}
		return errTold
	}
	for _, f := range v.Faults {
		p.say("%s", config.Fault{At: config.Source{File: f.File, Line: f.Line, Env: f.Env}, Key: f.Key, What: f.What})
	}
	return errTold
}

// String is a reload for people.
func (v reloadView) String() string {
	s := "reloaded, nothing has changed (" + v.Hash + ")\n"
	if len(v.Changes) > 0 {
		s = "reloaded: " + v.Hash + "\n" + changeTable(v.Changes)
	}
	if len(v.Restart) > 0 {
		s += "needs a restart, and stays as it is until then:\n" + changeTable(v.Restart)
	}
	return s
}

func changeTable(changes []changeView) string {
	w := newTable()
	w.AppendHeader(table.Row{"key", "from", "to"})
	for _, c := range changes {
		w.AppendRow(table.Row{c.Key, c.From, c.To})
	}
	return w.Render() + "\n"
}
