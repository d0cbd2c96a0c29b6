package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/sttgate/sttgate/config"
)

// configFlag adds --config.
func configFlag(c *cobra.Command, to *string) {
	c.Flags().StringVar(to, "config", "", "config `file`; without it the defaults and the environment hold")
}

func (p *program) checkCommand() *cobra.Command {
	var file string
	var asJSON bool
	c := &cobra.Command{
		Use:   "check",
		Short: "Validate the config and print what it comes to",
		Long: `Reads the config file and the STTGATE_* environment as serve would, and prints the
effective config with each value's source; secrets are shown as ***.

A config that is wrong prints one line per fault on stderr, file:line: key: what
is wrong, and exits with 1.`,
		Example: `  sttgate check --config gate.yaml
  STTGATE_LEDGER_STORE=memory sttgate check
  sttgate check --config gate.yaml --json`,
		Args: cobra.NoArgs,
	}
	configFlag(c, &file)
	jsonFlag(c, &asJSON)
	c.RunE = body(func(context.Context, []string) error { return p.check(file, asJSON) })
	return c
}

func (p *program) check(file string, asJSON bool) error {
	cfg, sources, err := config.Load(file, p.environ)
	if asJSON {
		return p.checkJSON(cfg, sources, err)
	}
	if err != nil {
		return p.faults(err)
	}
	text, err := cfg.Effective(sources)
	if err != nil {
		return err
	}
	return p.print("%s", text)
}

// load reads the config for commands that need it.
func (p *program) load(file string) (config.Config, error) {
	cfg, _, err := config.Load(file, p.environ)
	if err != nil {
		return cfg, p.faults(err)
	}
	return cfg, nil
}

// faults prints one line per fault, without the program's name before it:
// editors and CI jump to file:line at the start of a line.
func (p *program) faults(err error) error {
	p.say("%v", err)
	return errTold
}

// checkedFault is a fault for programs.
type checkedFault struct {
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	Env  string `json:"env,omitempty"`
	Key  string `json:"key,omitempty"`
	What string `json:"what"`
}

// checkedValue is a key of the effective config for programs.
type checkedValue struct {
	Key    string `json:"key"`
	Value  any    `json:"value"`
	Source string `json:"source"`
}

func (p *program) checkJSON(cfg config.Config, sources config.Sources, err error) error {
	out := struct {
		Valid  bool           `json:"valid"`
		Faults []checkedFault `json:"faults"`
		Hash   string         `json:"hash,omitempty"`
		Values []checkedValue `json:"values,omitempty"`
	}{Valid: err == nil, Faults: []checkedFault{}}
	var faults config.Faults
	switch {
	case err == nil:
		out.Hash = cfg.Hash()
		for _, v := range cfg.Values(sources) {
			out.Values = append(out.Values, checkedValue{v.Key, v.Value, v.At.String()})
		}
	case errors.As(err, &faults):
		for _, f := range faults {
			out.Faults = append(out.Faults, checkedFault{f.At.File, f.At.Line, f.At.Env, f.Key, f.What})
		}
	default:
		out.Faults = append(out.Faults, checkedFault{What: err.Error()})
	}
	if perr := p.printJSON(out); perr != nil {
		return perr
	}
	if err != nil {
		return errTold
	}
	return nil
}
