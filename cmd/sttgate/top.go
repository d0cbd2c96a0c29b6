package main

import (
	"context"
	"fmt"
	"io"
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

// watch has the terminal until q, Ctrl-C or the end of ctx.
func (p *program) watch(ctx context.Context, a adminClient, every time.Duration, in, out *os.File) error {
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return err
	}
	// Another screen, without a cursor: what was on the terminal is there again afterwards.
	_, _ = io.WriteString(out, "\x1b[?1049h\x1b[?25l")
	defer func() {
		_, _ = io.WriteString(out, "\x1b[?25h\x1b[?1049l")
		_ = term.Restore(int(in.Fd()), before)
	}()
	ctx, quit := context.WithCancel(ctx)
	defer quit()
	go quitKey(in, quit) // a read of a terminal cannot be interrupted: it ends with the process, which is next

	look := time.NewTicker(every)
	defer look.Stop()
	size := time.NewTicker(200 * time.Millisecond) // a window that has another size is drawn anew at once
	defer size.Stop()
	s := screen{colour: p.getenv("NO_COLOR") == ""}
	var lines func() []string
	ask := func() {
		o, err := a.overview(ctx, 100)
		if err != nil {
			lines = func() []string {
				return []string{s.cut(s.paint(red, "▲ ") + clean(err.Error())), s.cut("trying again; q quits")}
			}
			return
		}
		lines = func() []string { return s.lines(o) }
	}
	draw := func(always bool) {
		width, height, err := term.GetSize(int(out.Fd()))
		if err != nil {
			width, height = 80, 24
		}
		if !always && width == s.width && height == s.height {
			return
		}
		s.width, s.height = width, height
		_, _ = io.WriteString(out, "\x1b[H"+strings.Join(lines(), "\x1b[K\r\n")+"\x1b[K\x1b[J")
	}
	for ask(); ctx.Err() == nil; {
		draw(true)
		for waits := true; waits; {
			select {
			case <-ctx.Done():
				return nil
			case <-size.C:
				draw(false)
			case <-look.C:
				ask()
				waits = false
			}
		}
	}
	return nil
}

// quitKey reads keys until one of them ends it.
func quitKey(in io.Reader, quit func()) {
	defer quit()
	for key := make([]byte, 1); ; {
		if _, err := in.Read(key); err != nil || key[0] == 'q' || key[0] == 'Q' || key[0] == 3 {
			return
		}
	}
}
