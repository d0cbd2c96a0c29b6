package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/klog/v2"

	"github.com/sttgate/sttgate/meter"
)

// sending is the command line of send.
type sending struct {
	url, user, token, provider, speed string
	raw                               meter.Format
	declared                          bool // --encoding was given
	upload, json, verbose             bool
}

func (p *program) sendCommand() *cobra.Command {
	var s sending
	c := &cobra.Command{
		Use:   "send FILE",
		Short: "Stream or upload an audio file through a gateway, as a client with the vendor's SDK would",
		Long: `Streams a WAV file (16-bit PCM, mu-law, A-law) or headerless audio through a gateway,
in frames of 20 ms: to Deepgram with its official Go SDK, to the others in their
own protocol, for which there is none. Prints the final transcript, what the vendor
counted, what is left of the budget, and, when it is refused or cut, why.

The exit code is 0 only when all audio went through.`,
		Example: `  sttgate send talk.wav --user ann
  sttgate send talk.wav --token "$(sttgate token mint --user ann)" --url wss://stt.example.com
  sttgate send talk.mp3 --user ann --upload --provider speechmatics
  sttgate send call.raw --user ann --encoding mulaw --sample-rate 8000 --speed max --json`,
		Args: cobra.ExactArgs(1),
	}
	fl := c.Flags()
	fl.StringVar(&s.url, "url", "ws://127.0.0.1:8080", "the gateway's data `address`; a path prefix may follow")
	fl.StringVar(&s.user, "user", "", "who is calling, told in the header "+userHeader+"; the gateway must trust this peer")
	fl.StringVar(&s.token, "token", "", "caller token, or the vendor's key where the gateway passes it through (default $DEEPGRAM_API_KEY, $SONIOX_API_KEY, …)")
	fl.StringVar(&s.provider, "provider", "deepgram", "the `vendor` whose dialect to speak: "+vendorNames())
	completeFlag(c, "provider", vendorList)
	fl.StringVar(&s.speed, "speed", "1", "times real time, or max")
	fl.StringVar((*string)(&s.raw.Encoding), "encoding", string(meter.Linear16), "of a headerless file: linear16, linear32, mulaw, alaw")
	fl.IntVar(&s.raw.SampleRate, "sample-rate", 16000, "of a headerless file, Hz")
	fl.IntVar(&s.raw.Channels, "channels", 1, "of a headerless file")
	fl.BoolVar(&s.upload, "upload", false, "upload the whole file to the vendor's batch endpoint instead; any container, --speed has no meaning")
	fl.BoolVar(&s.verbose, "verbose", false, "show the SDK's own log on stderr")
	jsonFlag(c, &s.json)
	c.RunE = body(func(ctx context.Context, args []string) error {
		s.declared = fl.Changed("encoding")
		return p.send(ctx, args[0], s)
	})
	return c
}

func (p *program) send(ctx context.Context, file string, s sending) error {
	if dialects()[s.provider] == nil {
		return usagef("--provider %s: use one of %s", s.provider, vendorNames())
	}
	speed, err := parseSpeed(s.speed)
	if err != nil {
		return err
	}
	if s.token == "" {
		s.token = p.getenv(keyVariable(s.provider))
	}
	t, err := parseTarget(s.url, s.user, s.token)
	if err != nil {
		return err
	}
	if s.upload {
		return p.upload(ctx, file, t, s)
	}
	a, closer, err := openAudio(file, s.raw, s.declared)
	if err != nil {
		return err
	}
	defer func() { _ = closer.Close() }() // opened for reading: closing loses nothing
	if err := quiet(s.verbose, p.stderr); err != nil {
		return err
	}

	total := int64(-1)
	if a.size >= 0 {
		total = a.millis(a.size)
	}
	prog := newProgress(p.stderr, "sending", total)
	watch := watcher{
		sent:    func(n int64) { prog.at(a.millis(n)) },
		noticed: func(n notice) { prog.note("notice: " + n.String()) },
	}
	if !s.json {
		watch.final = func(text string) { p.showFinal(prog, text) }
	}
	o, err := streamer{vendor: s.provider, target: t, speed: speed, watch: watch}.run(ctx, a)
	prog.done()

	r := report{
		File: file, Provider: s.provider, User: s.user,
		Encoding: string(a.format.Encoding), SampleRate: a.format.SampleRate, Channels: a.format.Channels,
	}
	if err := r.judge(ctx, t, a.format, o, err); err != nil {
		return err
	}
	return p.printReport(r, s.json)
}

// upload sends the file whole.
func (p *program) upload(ctx context.Context, file string, t target, s sending) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // opened for reading: closing loses nothing
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s: not a file", file)
	}
	prog := newByteProgress(p.stderr, "uploading", info.Size())
	u := uploader{
		target: t, file: upload{name: filepath.Base(file), data: f, size: info.Size()},
		sent: prog.at, every: time.Second,
	}
	got, err := batches()[s.provider](u, ctx)
	prog.done()
	r := report{File: file, Provider: s.provider, User: s.user, Upload: true, SentBytes: info.Size()}
	switch {
	case interrupted(ctx):
		r.Result, r.Why = resultStopped, "stopped before the transcript came"
		return p.printReport(r, s.json)
	case err != nil:
		return err
	case got.refusal != nil:
		r.Result, r.Why, r.Refusal = resultRefused, got.refusal.String(), got.refusal
	case got.failed != "":
		r.Result, r.Why = resultBroken, got.failed
	default:
		r.Result, r.Transcript = resultDone, got.transcript
	}
	if got.refusal == nil && got.vendorMS >= 0 {
		r.VendorMS = &got.vendorMS
	}
	r.ask(ctx, t)
	if r.Transcript != "" && !s.json {
		if err := p.print("%s\n", r.Transcript); err != nil {
			return err
		}
	}
	return p.printReport(r, s.json)
}

// showFinal prints a result when it comes. On a terminal the bar is on the same
// screen, so the bar has to make room.
func (p *program) showFinal(prog progress, text string) {
	if terminal(p.stderr) && terminal(p.stdout) {
		prog.note(text)
		return
	}
	_, _ = fmt.Fprintln(p.stdout, text)
}

// parseSpeed reads a factor; 0 and max are as fast as it goes.
func parseSpeed(s string) (float64, error) {
	if s == "max" {
		return 0, nil
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(v >= 0 && v <= 1000) {
		return 0, usagef("--speed %s: a factor from 0 to 1000, or max", s)
	}
	return v, nil
}

// quiet settles where the SDK's log goes. It is process-wide in the SDK, and would
// otherwise write over the progress bar. Level 4 names the calls; above it are payloads.
func quiet(verbose bool, w io.Writer) error {
	klog.LogToStderr(false)
	if !verbose {
		klog.SetOutput(io.Discard)
		return nil
	}
	klog.SetOutput(w)
	var level klog.Level
	if err := level.Set("4"); err != nil {
		return errors.Join(errors.New("SDK log level"), err)
	}
	return nil
}
