package main

import (
	"context"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/sttgate/sttgate/proxy/admin"
)

// answer is what a look came to.
type answer struct {
	overview admin.Overview
	err      error
}

// watch has the terminal until q, Ctrl-C or the end of ctx. One look is under way at most: while it is, keys and windows are heeded.
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

	var (
		answers = make(chan answer, 1)
		asked   time.Time // zero while nothing is asked
		last    answer
		s       = screen{colour: p.getenv("NO_COLOR") == ""}
	)
	ask := func() {
		asked = time.Now()
		go func() {
			o, err := a.overview(ctx, 100)
			answers <- answer{o, err}
		}()
	}
	look := time.NewTicker(every)
	defer look.Stop()
	size := time.NewTicker(200 * time.Millisecond) // a window that has another size is drawn anew at once
	defer size.Stop()
	for ask(); ; {
		select {
		case <-ctx.Done():
			if !asked.IsZero() {
				<-answers // it ends with ctx
			}
			return nil
		case last = <-answers:
			asked = time.Time{}
		case <-look.C:
			if asked.IsZero() {
				ask()
				continue
			}
		case <-size.C:
			if !s.resized(out) {
				continue
			}
		}
		if s.late = 0; !asked.IsZero() {
			s.late = time.Since(asked)
		}
		s.resized(out)
		_, _ = io.WriteString(out, s.frame(last))
	}
}

// resized learns the window's size, and says whether it is another one.
func (s *screen) resized(out *os.File) bool {
	width, height, err := term.GetSize(int(out.Fd()))
	if err != nil || width <= 0 || height <= 0 {
		width, height = 80, 24
	}
	other := width != s.width || height != s.height
	s.width, s.height = width, height
	return other
}

// frame draws over what is there. A line is emptied before it is written: behind one that fills its window the cursor still stands on the
// last column, and what is emptied then is its last character.
func (s screen) frame(last answer) string {
	lines := s.lines(last.overview)
	switch {
	case last.err != nil:
		lines = s.trouble(last.err)
	case last.overview.At.IsZero(): // nothing was answered yet
		lines = s.trim([]string{"asking the gateway …"})
	}
	var b strings.Builder
	b.WriteString("\x1b[H")
	for i, line := range lines {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString("\x1b[2K" + line)
	}
	if len(lines) < s.height {
		b.WriteString("\r\n\x1b[J")
	}
	return b.String()
}

// trouble is what a look failed with, over as many lines as it needs.
func (s screen) trouble(err error) []string {
	text := []rune("▲ " + clean(err.Error()))
	var lines []string
	for s.width > 0 && len(text) > s.width {
		lines = append(lines, s.paint(red, string(text[:s.width])))
		text = text[s.width:]
	}
	return s.trim(append(lines, s.paint(red, string(text)), "trying again; q quits"))
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
