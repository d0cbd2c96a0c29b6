package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// progress shows how far a stream is: a bar on a terminal, else a line now and then.
// Its methods may be called from several goroutines.
type progress interface {
	// at tells how much was sent so far.
	at(n int64)
	// note shows a line without tearing the bar.
	note(line string)
	// done leaves the last state standing.
	done()
}

// newProgress picks by what w is. total is in milliseconds, -1 when the length is unknown.
func newProgress(w io.Writer, label string, total int64) progress {
	return newProgressOf(w, label, total, span)
}

// newByteProgress is newProgress over bytes.
func newByteProgress(w io.Writer, label string, total int64) progress {
	return newProgressOf(w, label, total, func(n, total int64) string {
		return fmt.Sprintf("%.1f of %.1f MiB", float64(n)/(1<<20), float64(total)/(1<<20))
	})
}

func newProgressOf(w io.Writer, label string, total int64, show func(n, total int64) string) progress {
	if terminal(w) {
		return newBar(w, label, total, show)
	}
	return &lines{w: w, label: label, total: total, show: show, last: time.Now()}
}

// bar is for people who watch.
type bar struct {
	pool *mpb.Progress
	bar  *mpb.Bar
}

func newBar(w io.Writer, label string, total int64, show func(n, total int64) string) *bar {
	pool := mpb.New(mpb.WithOutput(w), mpb.WithWidth(40), mpb.WithAutoRefresh())
	return &bar{pool: pool, bar: pool.AddBar(
		max(total, 0),
		mpb.PrependDecorators(decor.Name(label+" ")),
		mpb.AppendDecorators(
			decor.Any(func(s decor.Statistics) string { return show(s.Current, total) }),
		),
	)}
}

func (b *bar) at(ms int64)      { b.bar.SetCurrent(ms) }
func (b *bar) note(line string) { _, _ = fmt.Fprintln(b.pool, line) }

func (b *bar) done() {
	b.bar.EnableTriggerComplete()
	b.bar.Abort(false) // without effect when it is complete
	b.pool.Wait()
}

// linesEvery is how often a log gets a line: often enough to show life.
const linesEvery = 2 * time.Second

// lines is for logs.
type lines struct {
	w     io.Writer
	label string
	total int64
	show  func(n, total int64) string

	mu   sync.Mutex
	last time.Time
}

func (l *lines) at(ms int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.last) < linesEvery {
		return
	}
	l.last = time.Now()
	_, _ = fmt.Fprintf(l.w, "%s %s\n", l.label, l.show(ms, l.total))
}

func (l *lines) note(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = fmt.Fprintln(l.w, line)
}

func (l *lines) done() {}

// span is "4.020 s of 11.000 s".
func span(ms, total int64) string {
	if total < 0 {
		return seconds(ms)
	}
	return seconds(ms) + " of " + seconds(total)
}

// seconds writes milliseconds as seconds, exactly.
func seconds(ms int64) string {
	sign := ""
	if ms < 0 {
		sign, ms = "-", -ms
	}
	return fmt.Sprintf("%s%d.%03d s", sign, ms/1000, ms%1000)
}
