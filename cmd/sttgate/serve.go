package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/sttgate/sttgate/config"
)

func (p *program) serveCommand() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the gateway",
		Long: `Runs the gateway until SIGTERM. Without a config file it listens on 127.0.0.1:8080
for clients and on 127.0.0.1:9090 for operators, relays to api.deepgram.com and keeps
its ledger in ./sttgate-data.

A changed config file is put into force by itself, and at SIGHUP; what of it needs a
restart is said in the log. One that is wrong is refused whole and the old one stays.

SIGTERM drains: new streams are refused with 503, running ones go on for
drain.grace and are then ended the way the vendor would. A second SIGTERM ends
the patience: two seconds, everything settled.`,
		Example: `  STTGATE_PROVIDERS_DEEPGRAM_KEY=env:DEEPGRAM_API_KEY sttgate serve
  sttgate serve --config gate.yaml
  curl -s localhost:9090/readyz?verbose`,
		Args: cobra.NoArgs,
	}
	configFlag(c, &file)
	c.RunE = body(func(ctx context.Context, _ []string) error { return p.serve(ctx, file) })
	return c
}

// serve runs until ctx ends, which is the first signal, and then drains.
func (p *program) serve(ctx context.Context, file string) error {
	hangups := make(chan os.Signal, 1) // one that waits stands for all that came meanwhile
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	live, err := config.Open(file, p.environ)
	if err != nil {
		return p.faults(err)
	}
	log := live.Logger(p.stderr)
	// Taken before the first signal can come: between the two nobody would listen,
	// and the second signal would kill what is being settled.
	second := make(chan os.Signal, 2)
	signal.Notify(second, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(second)

	calmCollector()
	g, err := startGateway(ctx, live, log, thisBuild().Version)
	if err != nil {
		return err
	}
	log.Info("ready", slog.String("listen", g.DataAddr()), slog.String("admin", g.AdminAddr()),
		slog.String("ledger", live.Now().Config.Ledger.Store), slog.String("version", thisBuild().Version))
	defer g.follow(ctx, hangups)()
	down := make(chan error, 1)
	go func() { down <- g.Wait() }()
	select {
	case err = <-down:
	case <-ctx.Done():
		g.Drain()
		err = patience(g, second, down, log)
	}
	if err != nil {
		return errors.Join(errors.New("the gateway stopped"), err)
	}
	log.Info("stopped")
	return nil
}

// follow lets the config follow its file and the hangups, also while the gateway drains. The function that it returns ends that.
func (g *gateway) follow(ctx context.Context, hangups <-chan os.Signal) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.config.follow(ctx, hangups)
	}()
	return func() {
		cancel()
		<-done
	}
}

// patience waits for the drain until another signal hurries it. The signal that
// began it stands in the channel already.
func patience(g *gateway, signals <-chan os.Signal, down <-chan error, log *slog.Logger) error {
	for n := 1; ; {
		select {
		case err := <-down:
			return err
		case <-signals:
			if n++; n > 2 {
				log.Warn("hurried by a second signal")
				g.Hurry()
			}
		}
	}
}
