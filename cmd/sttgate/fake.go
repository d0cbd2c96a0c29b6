package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/sttgate/sttgate/proxy/fake"
)

func (p *program) fakeCommand() *cobra.Command {
	var listen string
	c := &cobra.Command{
		Use:   "fake",
		Short: "Run the fake vendor on its own, for development",
		Long: `Runs a server that speaks Deepgram's streaming protocol over real sockets, without
a key and without a bill. It does not transcribe: its results say how much audio
it heard. GET /fake/totals tells what it got, with byte counts and SHA-256.

The credential picks a misbehaviour: fake-429 is refused with 429, fake-reset loses
its connection after a second of audio.`,
		Example: `  sttgate fake
  STTGATE_PROVIDERS_DEEPGRAM_URL=http://127.0.0.1:8089 sttgate serve
  sttgate send talk.wav --user ann`,
		Args: cobra.NoArgs,
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:8089", "`host:port` to listen on; port 0 picks a free one")
	c.RunE = body(func(ctx context.Context, _ []string) error { return p.fake(ctx, listen) })
	return c
}

func (p *program) fake(ctx context.Context, listen string) error {
	v, err := startVendor(ctx, listen)
	if err != nil {
		return err
	}
	perr := p.print(`fake Deepgram on %[1]s

point a gateway at it:   STTGATE_PROVIDERS_DEEPGRAM_URL=%[1]s sttgate serve
stream through that:     sttgate send talk.wav --user ann
what it heard:           curl %[1]s/fake/totals

Ctrl-C ends it.
`, v.url())
	if perr == nil {
		select {
		case <-ctx.Done():
		case perr = <-v.failed:
		}
	}
	return errors.Join(perr, v.stop())
}

// vendor is a fake vendor with its server.
type vendor struct {
	*fake.Deepgram
	server   *http.Server
	listener net.Listener
	failed   chan error // at most one: the server gave up
	done     chan struct{}
}

// startVendor serves until stop.
func startVendor(ctx context.Context, listen string) (*vendor, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("fake vendor: %w", err)
	}
	v := &vendor{
		Deepgram: fake.NewDeepgram(fake.Options{}), listener: l,
		failed: make(chan error, 1), done: make(chan struct{}),
	}
	v.server = &http.Server{Handler: v.Deepgram, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		defer close(v.done)
		if err := v.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			v.failed <- fmt.Errorf("fake vendor: %w", err)
		}
	}()
	return v, nil
}

func (v *vendor) url() string { return "http://" + v.listener.Addr().String() }

// stop ends its streams with 1001 and waits for everything it started.
func (v *vendor) stop() error {
	err := v.server.Close()
	v.Close()
	<-v.done
	return err
}
