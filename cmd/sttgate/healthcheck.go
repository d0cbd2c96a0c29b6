package main

import (
	"context"

	"github.com/spf13/cobra"
)

func (p *program) healthcheckCommand() *cobra.Command {
	var f adminFlags
	var live bool
	c := &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask the gateway on this machine whether it is ready",
		Long: `Asks /readyz of the admin listener that the config names, and exits with 0 when the
answer is 200. It is what a container without a shell or curl can run.

With --live it asks /livez: is the process alive at all. Ready turns false while
the gateway drains; alive does not.

With --admin it reads no config: a gateway whose file is made wrong goes on with what it
had, and a probe that stumbles over the file would have it restarted, into what is wrong.`,
		Example: `  sttgate healthcheck
  sttgate healthcheck --live --admin 127.0.0.1:9090
  HEALTHCHECK CMD ["/sttgate", "healthcheck", "--live"]`,
		Args: cobra.NoArgs,
	}
	f.add(c)
	c.Flags().BoolVar(&live, "live", false, "ask /livez instead of /readyz")
	c.RunE = body(func(ctx context.Context, _ []string) error {
		a, err := p.asked(f)
		if err != nil {
			return err
		}
		path := "/readyz"
		if live {
			path = "/livez"
		}
		_, err = a.text(ctx, path)
		return err
	})
	return c
}

// asked is the listener that the flags name, or else the config. Probes need no token.
func (p *program) asked(f adminFlags) (adminClient, error) {
	if f.addr == "" {
		return p.admin(f)
	}
	addr, err := dialable(f.addr)
	if err != nil {
		return adminClient{}, usagef("--admin: %v", err)
	}
	return adminClient{addr: addr}, nil
}
