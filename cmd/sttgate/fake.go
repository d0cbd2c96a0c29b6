package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"
)

func (p *program) fakeCommand() *cobra.Command {
	var listen string
	c := &cobra.Command{
		Use:   "fake",
		Short: "Run the fake vendors on their own, for development",
		Long: `Runs a server that speaks the protocols of Deepgram, Soniox and Speechmatics over real
sockets, without a key and without a bill. It does not transcribe: its results say
how much audio it heard. GET /fake/totals tells what each got, with byte counts and SHA-256.

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
	v, err := startVendors(ctx, listen)
	if err != nil {
		return err
	}
	perr := p.print(`fake Deepgram, Soniox and Speechmatics on %s

point a gateway at it:
%s    sttgate serve
stream through that:     sttgate send talk.wav --user ann --provider soniox
what they heard:         curl %s/fake/totals

Ctrl-C ends it.
`, v.url(), shellLines(v.environ()), v.url())
	if perr == nil {
		select {
		case <-ctx.Done():
		case perr = <-v.failed:
		}
	}
	return errors.Join(perr, v.stop())
}

// shellLines writes an environment as the beginning of a command.
func shellLines(environ []string) string {
	var b strings.Builder
	for _, e := range environ {
		b.WriteString("    " + e + " \\\n")
	}
	return b.String()
}
