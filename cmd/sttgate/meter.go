package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/sttgate/sttgate/meter"
)

// metering is the command line of meter.
type metering struct {
	encoding       string
	rate, channels int
	json           bool
}

// meteredFile is what is known of one file.
type meteredFile struct {
	File       string `json:"file"`
	Format     string `json:"format"`
	Codec      string `json:"codec"`
	SampleRate int    `json:"sample_rate"`
	Channels   int    `json:"channels"`
	DurationMS int64  `json:"duration_ms"`
	Bytes      int64  `json:"bytes"`
	Method     string `json:"method"`
	Error      string `json:"error,omitempty"`
}

func (p *program) meterCommand() *cobra.Command {
	var m metering
	c := &cobra.Command{
		Use:   "meter FILE...",
		Short: "How long audio is, and how that is found out",
		Long: `Reads audio files as the gateway would read a stream, from the first byte to the last
and without decoding, and tells how long they are. "-" is the standard input.

What a file is, its first bytes say: WAV, AIFF, MP3, AAC (ADTS), FLAC, Ogg, WebM, MP4, AMR.
An MP4 file whose index comes last tells its time to nobody who reads it as it comes: here
its index is looked up, a stream of it is refused.
A headerless file needs --encoding, and for samples --sample-rate and --channels: what a
stream would declare.

The time is rounded up to whole milliseconds, which is what would be charged. Codecs add a
little at both ends (MP3 up to 50 ms): the vendors hear that too.

Exit codes: 0 all files were measured, 1 some could not be, 2 wrong usage.`,
		Example: `  sttgate meter talk.mp3 call.webm
  sttgate meter --json *.wav | jq 'map(.duration_ms) | add'
  sttgate meter --encoding mulaw --sample-rate 8000 call.raw
  ffmpeg -i film.mkv -vn -c:a libopus -f webm - | sttgate meter -`,
		Args: cobra.MinimumNArgs(1),
	}
	c.Flags().StringVar(&m.encoding, "encoding", "", "the `encoding` of headerless files: linear16, linear32, mulaw, alaw, pcm_s24le and the like, g729, amr-nb, amr-wb")
	c.Flags().IntVar(&m.rate, "sample-rate", 16000, "`Hz` of headerless samples")
	c.Flags().IntVar(&m.channels, "channels", 1, "channels of headerless samples")
	jsonFlag(c, &m.json)
	c.RunE = body(func(ctx context.Context, args []string) error { return p.meter(ctx, m, args) })
	return c
}

// format is what the files are declared as.
func (m metering) format() (meter.Format, error) {
	if m.encoding == "" {
		return meter.Format{Encoding: meter.Container}, nil
	}
	f := meter.Format{Encoding: meter.Encoding(m.encoding), SampleRate: m.rate, Channels: m.channels}
	clock, err := meter.Open(f)
	if err != nil {
		return f, usagef("--encoding: %w", err)
	}
	if _, packets := clock.(meter.Packets); packets {
		return f, usagef("--encoding %s: a file does not tell where its packets end; as a stream, each message is one", m.encoding)
	}
	return f, nil
}

func (p *program) meter(ctx context.Context, m metering, files []string) error {
	f, err := m.format()
	if err != nil {
		return err
	}
	rows := make([]meteredFile, 0, len(files))
	failed := false
	for _, name := range files {
		row, err := p.meterFile(ctx, name, f)
		if interrupted(ctx) {
			return errors.New("stopped")
		}
		if err != nil {
			failed = true
			row.Error = err.Error()
			p.say("sttgate: %s: %v", name, err)
		}
		rows = append(rows, row)
	}
	if m.json {
		err = p.printJSON(rows)
	} else {
		err = p.print("%s\n", meterTable(rows))
	}
	if err == nil && failed {
		return errTold
	}
	return err
}

// longFile is from where on a file shows how far it is.
const longFile = 256 << 20

func (p *program) meterFile(ctx context.Context, name string, f meter.Format) (row meteredFile, err error) {
	row.File = name
	in, size := p.stdin, int64(-1)
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return row, errors.Unwrap(err)
		}
		defer func() { _ = file.Close() }() // it was only read
		info, err := file.Stat()
		if err != nil {
			return row, err
		}
		if info.IsDir() {
			return row, errors.New("is a directory")
		}
		in, size = file, info.Size()
	}
	clock, err := meter.Open(f)
	if err != nil {
		return row, err
	}
	var show progress
	if size > longFile {
		show = newByteProgress(p.stderr, name, size)
		defer show.done()
	}
	row.Bytes, err = measure(ctx, clock, in, show)
	row.describe(clock, f)
	if whole, ok := in.(io.ReaderAt); ok && size >= 0 && errors.Is(err, meter.ErrLate) {
		if i, d, lerr := meter.MP4Index(whole, size); lerr == nil {
			row.Bytes = size
			row.found(i, d)
			return row, nil
		}
	}
	return row, err
}

// measure feeds a clock. What it could not read is an error, and so is a file that holds no audio.
func measure(ctx context.Context, c meter.Clock, in io.Reader, show progress) (n int64, err error) {
	buf := make([]byte, 256<<10)
	for ctx.Err() == nil {
		got, err := in.Read(buf)
		n += int64(got)
		if werr := c.Write(buf[:got]); werr != nil {
			return n, werr
		}
		if show != nil {
			show.at(n)
		}
		switch {
		case errors.Is(err, io.EOF) && n == 0:
			return n, errors.New("is empty")
		case errors.Is(err, io.EOF) && c.Elapsed() == 0:
			return n, fmt.Errorf("%w: it ends before its first audio", meter.ErrMalformed)
		case errors.Is(err, io.EOF):
			return n, nil
		case err != nil:
			return n, err
		}
	}
	return n, ctx.Err()
}

// describe tells what a clock found.
func (row *meteredFile) describe(c meter.Clock, f meter.Format) {
	if in, ok := c.(interface{ Info() meter.Info }); ok {
		row.found(in.Info(), c.Elapsed())
		return
	}
	row.found(meter.Info{}, c.Elapsed())
	row.Format, row.Codec, row.Method = "raw", string(f.Encoding), "bytes, as declared"
	if f.Headerless() {
		row.SampleRate, row.Channels = f.SampleRate, f.Channels
	}
}

// found takes over what audio says of itself.
func (row *meteredFile) found(i meter.Info, d time.Duration) {
	row.Format, row.Codec, row.SampleRate, row.Channels, row.Method = i.Format, i.Codec, i.SampleRate, i.Channels, i.Method
	row.DurationMS = (d.Nanoseconds() + 999_999) / 1_000_000
}

// meterTable is the same for people.
func meterTable(rows []meteredFile) string {
	w := newTable()
	w.AppendHeader(table.Row{"file", "format", "codec", "Hz", "ch", "duration", "bytes", "bytes/s", "found by"})
	right := make([]table.ColumnConfig, 0, 5)
	for _, n := range []int{4, 5, 6, 7, 8} {
		right = append(right, table.ColumnConfig{Number: n, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	w.SetColumnConfigs(right)
	for _, r := range rows {
		w.AppendRow(r.cells())
	}
	return w.Render()
}

func (row meteredFile) cells() table.Row {
	blank := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	duration, rate, method := fmt.Sprintf("%d.%03d s", row.DurationMS/1000, row.DurationMS%1000), "", row.Method
	if row.DurationMS > 0 {
		rate = strconv.FormatInt(row.Bytes*1000/row.DurationMS, 10)
	}
	if row.Error != "" {
		duration, method = "", "not measured"
	}
	return table.Row{row.File, row.Format, row.Codec, blank(row.SampleRate), blank(row.Channels), duration, row.Bytes, rate, method}
}
