package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// The exit codes (DESIGN 2.1).
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// program is what every subcommand gets from the world.
type program struct {
	environ []string
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
}

// run is the program without its process: args are those behind the name.
func run(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &program{environ: environ, stdin: stdin, stdout: stdout, stderr: stderr}
	root := p.root()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)

	var failed failure
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errTold):
		return exitFailed
	case errors.As(err, &failed):
		p.say("sttgate: %v", err)
		return exitFailed
	default:
		p.say("sttgate: %v\nRun '%s --help' for usage.", err, cmd.CommandPath())
		return exitUsage
	}
}

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "sttgate",
		Short: "A gateway that meters cloud speech-to-text and stops spending in time",
		Long: `sttgate stands between your program and a speech-to-text vendor. The vendor's own
SDK stays; one URL changes. Every stream is metered in milliseconds as it passes,
and ends when its user's budget does: 429 at the door, dropped audio or a clean
end inside a running stream.`,
		Example: `  sttgate demo                      see it work: no keys, no servers, half a minute
  sttgate serve --config gate.yaml  run the gateway
  sttgate check --config gate.yaml  is the file right, and what does it come to
  sttgate send talk.wav --user ann  stream a file through a gateway`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.AddCommand(
		p.serveCommand(), p.checkCommand(), p.demoCommand(), p.sendCommand(), p.meterCommand(), p.fakeCommand(),
		p.reloadCommand(), p.userCommand(), p.streamsCommand(), p.topCommand(), p.drainCommand(), p.explainCommand(), p.simulateCommand(), p.tokenCommand(), p.ledgerCommand(), p.healthcheckCommand(), p.versionCommand(),
	)
	return root
}

// failure marks an error of the work itself. Everything else that a command
// returns was found before the work began: a wrong command line.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

// errTold is a failure whose story the command has written already.
var errTold = errors.New("failed")

// usageError is a command line that only the command itself can judge.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// body makes a command's work out of do: its errors are failures.
func body(do func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		err := do(cmd.Context(), args)
		var usage usageError
		if err == nil || errors.As(err, &usage) {
			return err
		}
		return failure{err}
	}
}

// group is a command that only holds others.
func group(c *cobra.Command, subs ...*cobra.Command) *cobra.Command {
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("%s needs a subcommand", cmd.CommandPath())
		}
		return fmt.Errorf("unknown command %q for %q", args[0], cmd.CommandPath())
	}
	c.AddCommand(subs...)
	return c
}

// say writes one line for people to stderr. A stderr that cannot be written
// leaves nobody to tell.
func (p *program) say(format string, args ...any) { fmt.Fprintf(p.stderr, format+"\n", args...) }

// print writes to stdout, where results go.
func (p *program) print(format string, args ...any) error {
	_, err := fmt.Fprintf(p.stdout, format, args...)
	return err
}

// terminal reports whether people are watching w.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// getenv reads the environment that run was given; the last setting wins.
func (p *program) getenv(name string) (value string) {
	for _, kv := range p.environ {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			value = v
		}
	}
	return value
}
