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
the gateway drains; alive does not.`,
		Example: `  sttgate healthcheck
  sttgate healthcheck --live --config /etc/sttgate/config.yaml
  HEALTHCHECK CMD ["/sttgate", "healthcheck", "--live"]`,
		Args: cobra.NoArgs,
	}
	f.add(c)
	c.Flags().BoolVar(&live, "live", false, "ask /livez instead of /readyz")
	c.RunE = body(func(ctx context.Context, _ []string) error {
		a, err := p.admin(f)
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
