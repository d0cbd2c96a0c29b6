package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/sttgate/sttgate/meter/ledger"
)

// aboutMoving is what both commands have to explain.
const aboutMoving = `The day is what the gateway knows of its users: stages, what is used of every budget's
window, minutes of rolling windows, jobs that wait for their price. It is a text file of one JSON record
per line, readable by its owner only: it holds user ids.

Move it in this order:

  1. Stop every gateway on the old store: SIGTERM, and wait for it to exit.
  2. sttgate ledger export day.jsonl                with the old config
  3. sttgate ledger import day.jsonl                with the new config
  4. Start the gateways with the new config. On Redis they may run before: --merge adds beside them.

Nothing is given away on the way: a stream that was cut without being settled is charged all that it
had been granted, at most one slice (ledger.slice) too much.`

func (p *program) ledgerCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "ledger",
		Short: "Move what users have used and are from one store to another",
		Long:  aboutMoving,
		Example: `  sttgate ledger export day.jsonl --config old.yaml
  sttgate ledger import day.jsonl --config new.yaml`,
	}, p.exportCommand(), p.importCommand())
}

func (p *program) exportCommand() *cobra.Command {
	var m moving
	c := &cobra.Command{
		Use:   "export FILE",
		Short: "Write the day of a store to a file",
		Long: `Reads the store that the config names (ledger.store, with ledger.path or ledger.redis) and writes
its day to FILE, which must not exist yet. The store stays as it is; streams that a crash left open
are written as charged with all that they had been granted.

No gateway may run on the store meanwhile: the file would be old before it is written. On Redis a
gateway that was killed is remembered for half a minute.

` + aboutMoving,
		Example: `  sttgate ledger export day.jsonl
  STTGATE_LEDGER_PATH=/var/lib/sttgate sttgate ledger export day.jsonl --json`,
		Args: cobra.ExactArgs(1),
	}
	configFlag(c, &m.config)
	jsonFlag(c, &m.json)
	c.RunE = body(func(ctx context.Context, args []string) error { return p.exportDay(ctx, m, args[0]) })
	return c
}

func (p *program) importCommand() *cobra.Command {
	var m moving
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Add the day in a file to a store",
		Long: `Checks FILE as a whole, then adds what it holds to the store that the config names. A file
that is damaged, cut off or of another version is refused with its line, and nothing is changed.

Each file is added once: a second import of it changes nothing, and one that broke off goes on
where it was. Into a store that holds something already a file is only added with --merge:
what was used adds up (so that the stores of several sidecars can come together in one), and a user's
stage, where the store has one already, stays. Do not merge a file back into the store that it
came from: everything in it would count twice.

` + aboutMoving,
		Example: `  sttgate ledger import day.jsonl --config new.yaml
  for f in pod-*.jsonl; do sttgate ledger import --merge "$f"; done`,
		Args: cobra.ExactArgs(1),
	}
	configFlag(c, &m.config)
	c.Flags().BoolVar(&m.merge, "merge", false, "add to a store that holds something already")
	jsonFlag(c, &m.json)
	c.RunE = body(func(ctx context.Context, args []string) error { return p.importDay(ctx, m, args[0]) })
	return c
}

// moving is the command line of both.
type moving struct {
	config string
	merge  bool
	json   bool
}

// day is an open store.
type day struct {
	ledger.Mover
	close func() error
}

// openDay opens the store that the config names. The old one must be there: an empty one made on
// the way would be exported as if it were all.
func openDay(c ledger.Config, old bool) (day, error) {
	loc, err := c.Location()
	if err != nil {
		return day{}, err
	}
	switch c.Store {
	case ledger.StoreEmbedded:
		if _, err := os.Stat(ledger.EmbeddedFile(c.Path)); old && err != nil {
			return day{}, fmt.Errorf("no ledger to export: %w; ledger.path says where the old gateway kept it", err)
		}
		s, err := ledger.OpenEmbedded(c.Path, loc, nil)
		if err != nil {
			return day{}, inUse(err)
		}
		return day{s, s.Close}, nil
	case ledger.StoreRedis:
		c.Redis.Timeout = max(c.Redis.Timeout, 10*time.Second) // no audio waits for this
		s, err := ledger.OpenRedis(c.Redis, loc, ledger.RedisOptions{})
		if err != nil {
			return day{}, fmt.Errorf("ledger.%w", err)
		}
		return day{s, s.Close}, nil
	}
	return day{}, fmt.Errorf("ledger.store is %s: what it holds is gone with its process; the day of an %s store, or of %s, can be moved",
		c.Store, ledger.StoreEmbedded, ledger.StoreRedis)
}

// inUse says what to do about a gateway that runs.
func inUse(err error) error {
	if errors.Is(err, ledger.ErrInUse) {
		return fmt.Errorf("%w: a gateway runs on it; stop it (SIGTERM, and wait until it has exited), then try again", err)
	}
	return err
}

// counted shows how many records went by.
func counted(n, total int64) string {
	if total < 0 {
		return fmt.Sprintf("%d records", n)
	}
	return fmt.Sprintf("%d of %d records", n, total)
}
