package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/sttgate/sttgate/proxy/admin"
)

// topFlags are the command line of top.
type topFlags struct {
	admin      adminFlags
	once, json bool
	every      time.Duration
}

func (p *program) topCommand() *cobra.Command {
	var f topFlags
	c := &cobra.Command{
		Use:   "top",
		Short: "Watch a gateway: streams, users, refusals, vendors, store",
		Long: `Asks a running gateway for its overview and shows it, anew every two seconds, until q or Ctrl-C. The streams are those that have forwarded
most. Where the output is no terminal, and with --once, it is shown once. NO_COLOR is obeyed.`,
		Example: "  sttgate top\n  sttgate top --once\n  sttgate top --json | jq .streams",
		Args:    cobra.NoArgs,
	}
	f.admin.add(c)
	c.Flags().BoolVar(&f.once, "once", false, "show it once")
	c.Flags().DurationVar(&f.every, "every", 2*time.Second, "how long between two looks")
	jsonFlag(c, &f.json)
	c.RunE = body(func(ctx context.Context, _ []string) error {
		if f.every < 100*time.Millisecond {
			return usagef("--every %s: at least 100ms", f.every)
		}
		a, err := p.admin(f.admin)
		if err != nil {
			return err
		}
		in, isIn := p.stdin.(*os.File)
		out, isOut := p.stdout.(*os.File)
		if !f.once && !f.json && isIn && isOut && term.IsTerminal(int(in.Fd())) && term.IsTerminal(int(out.Fd())) && p.getenv("TERM") != "dumb" {
			return p.watch(ctx, a, f.every, in, out)
		}
		o, err := a.overview(ctx, 100)
		if err != nil {
			return err
		}
		if f.json {
			return p.printJSON(o)
		}
		return p.print("%s\n", strings.Join(screen{}.lines(o), "\n"))
	})
	return c
}

func (a adminClient) overview(ctx context.Context, top int) (o admin.Overview, err error) {
	err = a.call(ctx, http.MethodGet, fmt.Sprintf("/admin/v1/overview?top=%d", top), nil, &o)
	return o, err
}
