package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
	"golang.org/x/term"
)

// watched is a program in a terminal: what it writes to a real pseudo terminal is drawn by an emulator that is not ours.
type watched struct {
	t         *testing.T
	cmd       *exec.Cmd
	ours, its *os.File
	before    *term.State // of its side
	read      sync.WaitGroup

	mu     sync.Mutex // guards what follows
	screen *vt.Emulator
	bytes  bytes.Buffer
	hidden bool // the cursor
}

// shell is what a terminal showed before the program.
const shell = "$ sttgate top"

// openWindow starts the program in a window of a size.
func openWindow(t *testing.T, width, height int, env []string, args ...string) *watched {
	t.Helper()
	ours, its, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	x := &watched{t: t, ours: ours, its: its, screen: vt.NewEmulator(width, height)}
	x.screen.SetCallbacks(vt.Callbacks{CursorVisibility: func(visible bool) { x.hidden = !visible }})
	x.resize(width, height)
	if x.before, err = term.GetState(int(its.Fd())); err != nil {
		t.Fatal(err)
	}
	_, _ = x.screen.WriteString(shell)
	x.cmd = exec.Command("sttgate", args...) //nolint:gosec,noctx // the test's own words; its cleanup kills it
	x.cmd.Env = append([]string{"TERM=xterm-256color", "PATH=" + os.Getenv("PATH")}, env...)
	x.cmd.Stdin, x.cmd.Stdout, x.cmd.Stderr = its, its, its
	if err := x.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	x.read.Go(x.draw)
	t.Cleanup(func() {
		_ = x.cmd.Process.Kill() // most tests have ended it already
		_ = x.cmd.Wait()
		_ = its.Close() // ends draw
		x.read.Wait()
		_ = ours.Close()
		if t.Failed() {
			t.Logf("the screen:\n%s\nwritten were %d bytes, at last\n%q", x.text(), len(x.raw()), x.raw()[max(0, len(x.raw())-500):])
		}
	})
	return x
}

// draw takes what is written until nobody has the terminal's other side any more.
func (x *watched) draw() {
	buf := make([]byte, 4096)
	for {
		n, err := x.ours.Read(buf)
		x.mu.Lock()
		_, _ = x.screen.Write(buf[:n])
		x.bytes.Write(buf[:n])
		x.mu.Unlock()
		if err != nil { // EIO, or closed
			return
		}
	}
}

func (x *watched) resize(width, height int) {
	x.t.Helper()
	if err := pty.Setsize(x.ours, &pty.Winsize{Rows: uint16(height), Cols: uint16(width)}); err != nil { //nolint:gosec // small
		x.t.Fatal(err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.screen.Resize(width, height)
}

func (x *watched) press(keys string) {
	x.t.Helper()
	if _, err := io.WriteString(x.ours, keys); err != nil {
		x.t.Fatal(err)
	}
}

// text is what the screen shows.
func (x *watched) text() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	var b strings.Builder
	for y := range x.screen.Height() {
		var line strings.Builder
		for col := range x.screen.Width() {
			if c := x.screen.CellAt(col, y); c != nil && c.Content != "" {
				line.WriteString(c.Content)
			} else if c == nil || c.Width != 0 {
				line.WriteByte(' ')
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

// raw is all that was written.
func (x *watched) raw() []byte {
	x.mu.Lock()
	defer x.mu.Unlock()
	return bytes.Clone(x.bytes.Bytes())
}

// until waits until the screen is as it should be.
func (x *watched) until(what string, so func(text string) bool) string {
	x.t.Helper()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(procHang); time.Now().Before(end); <-look.C {
		if text := x.text(); so(text) {
			return text
		}
	}
	x.t.Fatalf("the screen never shows %s", what)
	return ""
}

func (x *watched) shows(what string) string {
	x.t.Helper()
	return x.until(what, func(text string) bool { return strings.Contains(text, what) })
}

// isGivenBack waits for the program's end and holds that its terminal is as it was.
func (x *watched) isGivenBack() {
	x.t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- x.cmd.Wait() }()
	select {
	case err := <-ended:
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			x.t.Errorf("it ended with %v", err)
		}
	case <-time.After(procHang):
		x.t.Fatal("it does not end")
	}
	after, err := term.GetState(int(x.its.Fd()))
	if err != nil {
		x.t.Fatal(err)
	}
	if !reflect.DeepEqual(after, x.before) {
		x.t.Errorf("the terminal is left in another mode: %+v, before %+v", after, x.before)
	}
	x.until("what was there before", func(text string) bool { return strings.TrimSpace(text) == shell })
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.screen.IsAltScreen() || x.hidden {
		x.t.Errorf("left behind: another screen %v, no cursor %v", x.screen.IsAltScreen(), x.hidden)
	}
}
