package main

import (
	"bytes"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/sttgate/sttgate/proxy/admin"
)

// crowd is a stage on which bob speaks, and ann, whose budget of two seconds is spent.
func crowd(t *testing.T) *stage {
	t.Helper()
	s := newStageWith(t, strings.Replace(stageRules, "30m", "2s", 1))
	s.play(script{parts: []string{"sttgate user stage ann restrict --reason test"}, names: []string{"ann"}})
	s.speaks("bob")
	s.speaks("ann")
	return s
}

func (s *stage) overview() (o admin.Overview) {
	s.t.Helper()
	(&process{t: s.t, admin: s.admin}).call(http.MethodGet, "/admin/v1/overview?top=100", "", &o)
	return o
}

// cells are the words of a user's line.
func cells(text, user string) []string {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, user+" ") {
			return regexp.MustCompile(` {2,}`).Split(strings.TrimSpace(line), -1)
		}
	}
	return nil
}

func TestTopShowsWhatTheAPISaysAsItChanges(t *testing.T) {
	t.Parallel()
	s := crowd(t)
	x := openWindow(t, 120, 30, nil, "top", "--admin", s.admin, "--every", "100ms")
	text := x.until("ann, who is dropped", func(text string) bool {
		c := cells(text, "ann")
		return len(c) == 8 && c[2] == "■ dropping" && c[4] == "2.0 s"
	})
	// What does not move is what the API says; what moves is between what it says before and after.
	ann := cells(text, "ann")
	if ann[1] != "deepgram" || ann[6] != "0.0 s" || ann[7] != "deepgram-daily" {
		t.Errorf("ann's line: %q", ann)
	}
	for line, want := range map[string]string{
		"users": "1 restrict · 0 exempt", "refused": "nobody", "streams": "2 (1 dropping, 1 forwarding)", "store": "✓ embedded",
	} {
		if !regexp.MustCompile(`(?m)^` + line + ` +` + regexp.QuoteMeta(want)).MatchString(text) {
			t.Errorf("no line of %s that says %q in\n%s", line, want, text)
		}
	}
	before := s.overview()
	var shown int64
	x.until("bob's next second", func(text string) bool {
		bob := cells(text, "bob")
		if len(bob) < 7 || bob[2] != "▶ forwarding" || bob[6] != "no budget" {
			return false
		}
		shown = shownMS(t, bob[4])
		return shown > forwarded(before, "bob")+1000
	})
	if after := forwarded(s.overview(), "bob"); shown > after {
		t.Errorf("the screen shows %d ms of bob's, the API says %d afterwards", shown, after)
	}
	x.press("q")
	x.isGivenBack()
}

func forwarded(o admin.Overview, user string) int64 {
	for _, s := range o.Top {
		if s.User == user {
			return s.Forwarded
		}
	}
	return 0
}

// shownMS reads "12.3 s" and "1 min 02 s".
func shownMS(t *testing.T, words string) (ms int64) {
	t.Helper()
	m := regexp.MustCompile(`^(?:(\d+) min )?(\d+)(?:\.(\d))? s$`).FindStringSubmatch(words)
	if m == nil {
		t.Fatalf("%q is no time", words)
	}
	for i, unit := range []int64{60_000, 1000, 100} {
		var n int64
		for _, d := range m[i+1] {
			n = n*10 + int64(d-'0')
		}
		ms += n * unit
	}
	return ms
}

func TestTopFollowsItsWindow(t *testing.T) {
	t.Parallel()
	s := crowd(t)
	x := openWindow(t, 250, 30, nil, "top", "--admin", s.admin, "--every", "1h") // nothing but the window draws anew
	whole := strings.Split(x.shows("deepgram-daily"), "\n")
	for _, size := range [][2]int{{40, 10}, {100, 3}, {120, 30}, {20, 24}, {120, 9}, {200, 50}} {
		x.resize(size[0], size[1])
		var want []string // each line cut to the window, none wrapped, nothing of the window before
		for i := range size[1] {
			line := ""
			if i < len(whole) {
				line = strings.TrimRight(string([]rune(whole[i])[:min(size[0], len([]rune(whole[i])))]), " ")
			}
			want = append(want, line)
		}
		x.until(strings.Join(want, "\n"), func(text string) bool { return text == strings.Join(want, "\n")+"\n" })
	}
	x.press("q")
	x.isGivenBack()
}

func TestTopGivesTheTerminalBack(t *testing.T) {
	t.Parallel()
	s := newStageWith(t, stageRules)
	for name, end := range map[string]func(x *watched){
		"q":       func(x *watched) { x.press("q") },
		"Q":       func(x *watched) { x.press("xyzQ") },
		"Ctrl-C":  func(x *watched) { x.press("\x03") },
		"SIGTERM": func(x *watched) { _ = x.cmd.Process.Signal(syscall.SIGTERM) },
		"SIGINT":  func(x *watched) { _ = x.cmd.Process.Signal(os.Interrupt) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := openWindow(t, 80, 24, nil, "top", "--admin", s.admin)
			x.shows("nothing runs")
			x.mu.Lock()
			if !x.screen.IsAltScreen() || !x.hidden {
				t.Error("it draws over what was there, or under a cursor")
			}
			x.mu.Unlock()
			end(x)
			x.isGivenBack()
		})
	}
}

func TestTopOutlivesItsGateway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	at := reserve(t)
	b, err := os.ReadFile(w.file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.file, []byte(strings.Replace(string(b), "admin: {listen: 127.0.0.1:0}", "admin: {listen: "+at+"}", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	p := serveProcess(t, w.file)
	x := openWindow(t, 60, 24, nil, "top", "--admin", at, "--every", "100ms")
	x.shows("nothing runs")
	// It hangs: that is said, and the keys work.
	p.signal(syscall.SIGSTOP)
	x.shows("▲ no answer for ")
	p.signal(syscall.SIGCONT)
	x.until("an answer", func(text string) bool {
		return !strings.Contains(text, "no answer") && strings.Contains(text, "nothing runs")
	})
	p.signal(syscall.SIGKILL)
	p.wait()
	text := x.shows("trying again; q quits")
	if !strings.Contains(strings.ReplaceAll(text, "\n", ""), "no gateway answers operators at "+at+"; start one, or say where it listens with --admin") {
		t.Errorf("the message is not whole:\n%s", text)
	}
	p = serveProcess(t, w.file)
	x.shows("nothing runs")
	p.signal(syscall.SIGSTOP)
	x.shows("▲ no answer for ")
	x.press("q")
	x.isGivenBack()
	p.signal(syscall.SIGCONT)
}

func TestTopIsAsColourfulAsItMay(t *testing.T) {
	t.Parallel()
	s := newStageWith(t, stageRules)
	for env, colourful := range map[string]bool{"X=": true, "NO_COLOR=1": false} {
		x := openWindow(t, 80, 24, []string{env}, "top", "--admin", s.admin)
		x.shows("nothing runs")
		x.press("q")
		x.isGivenBack()
		if got := regexp.MustCompile(`\x1b\[[0-9;]*m`).Match(x.raw()); got != colourful {
			t.Errorf("%s: colours: %v", env, got)
		}
	}
	// A terminal that knows no commands is given none.
	x := openWindow(t, 200, 24, []string{"TERM=dumb"}, "top", "--admin", s.admin)
	x.shows("nothing runs")
	if err := x.cmd.Wait(); err != nil || bytes.Contains(x.raw(), []byte("\x1b")) {
		t.Errorf("%v, %q", err, x.raw())
	}
}
