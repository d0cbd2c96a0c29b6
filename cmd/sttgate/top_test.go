package main

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sttgate/sttgate/proxy/admin"
)

func busy() admin.Overview {
	o := admin.Overview{Version: "1.2.3", Uptime: 3720, Draining: true}
	o.Instance = "gate-0"
	o.Totals = admin.Totals{Forwarded: 3_060_000, Dropped: 20, Refusals: map[string]int64{"budget_exhausted": 12_345, "draining": 1}}
	o.Users = admin.StageCounts{Stages: map[string]int64{"throttle": 2, "restrict": 3}, Exempt: 1}
	o.Vendors = []admin.VendorHealth{
		{Provider: "deepgram", State: "failing", Failure: "5xx", Seen: 5, Failed: 1},
		{Provider: "soniox", State: "ok", Seen: 4, Median: 80_000, P99: 120_000},
		{Provider: "speechmatics", State: "unknown"},
	}
	o.Store = admin.StoreHealth{Kind: "redis", Up: false, Errors: map[string]int64{"timeout": 1}, Leases: 40, Median: 500, P99: 2500}
	o.At = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	o.Config = admin.ConfigStanding{Hash: "3f2a", Loaded: o.At.Add(-time.Hour), By: "start", Last: admin.ConfigOutcome{
		At: o.At.Add(-3 * time.Second), By: "file", Fault: "gate.yaml:3: limits.streams: \x1bmust be a whole number", Faults: 2,
	}}
	o.Streams = admin.StreamCounts{Active: 4, States: map[string]int64{"forwarding": 3, "dropping": 1}}
	o.Top = []admin.Stream{
		{User: "bob", Provider: "deepgram", State: "forwarding", Age: 61_000, Forwarded: 60_000},
		{User: "al\x1b[2Jice", Provider: "soniox", State: "dropping", Age: 3_600_000, Forwarded: 3_000_000, Dropped: 20, Budget: "daily", Left: 421_000},
	}
	return o
}

func TestTopSaysEverythingWithoutColours(t *testing.T) {
	t.Parallel()
	want := `sttgate gate-0 · 1.2.3 · up 1 h 02 min · ▲ draining: new streams are refused
streams 4 (3 forwarding, 1 dropping) · forwarded 51 min 00 s · dropped 0.0 s · charged 0.0 s
users   3 restrict, 2 throttle · 1 exempt
refused 12,345 budget exhausted, 1 draining
vendors ▲ deepgram fails (5xx), 1 of 5 failed · ✓ soniox 80 ms, 99 % 120 ms, 0 of 4 failed · ○ speechmatics
store   ▲ redis takes no writes · 40 calls · half within 500 µs, 99 % within 2.5 ms · ▲ failed: (1 timeout)
config  ▲ the file was refused 3.0 s ago (file): gate.yaml:3: limits.streams: ?must be a whole number (and 1 more) · in force 3f2a

USER         VENDOR    STATE                 AGE      METERED  DROPPED        LEFT  BUDGET
bob          deepgram  ▶ forwarding  1 min 01 s   1 min 00 s    0.0 s   no budget
al?[2Jice    soniox    ■ dropping    1 h 00 min  50 min 00 s    0.0 s  7 min 01 s  daily
and 2 more: sttgate streams list`
	got := strings.Join(screen{}.lines(busy()), "\n")
	// The columns are as wide as they must be, whatever that is.
	if strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(want), " ") {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestTopKeepsToItsWindow(t *testing.T) {
	t.Parallel()
	whole := screen{colour: true}.lines(busy())
	for _, size := range [][2]int{{80, 24}, {40, 10}, {20, 3}, {1, 1}} {
		lines := screen{width: size[0], height: size[1], colour: true}.lines(busy())
		if len(lines) != min(size[1], len(whole)) {
			t.Errorf("%v: %d lines", size, len(lines))
		}
		for _, l := range lines {
			plain := l
			for _, colour := range []string{red, green, yellow, dim, bold, "0"} {
				plain = strings.ReplaceAll(plain, "\x1b["+colour+"m", "")
			}
			if n := utf8.RuneCountInString(plain); n > size[0] || strings.Contains(plain, "\x1b") {
				t.Errorf("%v: %d wide, or a command to the terminal: %q", size, n, l)
			}
			if strings.Count(l, "\x1b[")%2 != 0 {
				t.Errorf("%v: a colour that does not end: %q", size, l)
			}
		}
	}
}

// TestTopEmptiesALineBeforeItWrites: behind the last column of a window xterm and others empty the last character with the rest of the line.
func TestTopEmptiesALineBeforeItWrites(t *testing.T) {
	t.Parallel()
	for _, last := range []answer{{overview: busy()}, {err: errors.New(strings.Repeat("x", 100))}} {
		last.overview.At = time.Unix(1, 0)
		frame := screen{width: 40, height: 10, colour: true}.frame(last)
		for line := range strings.SplitSeq(frame, "\r\n") {
			if _, text, found := strings.Cut(line, "\x1b[2K"); found && (strings.Contains(text, "\x1b[K") || strings.Contains(text, "\x1b[J")) {
				t.Errorf("something is emptied behind the text: %q", line)
			}
		}
	}
}

func TestTopEndsAtItsKeys(t *testing.T) {
	t.Parallel()
	for _, keys := range []string{"q", "xyQ", "\x03", ""} {
		ended := false
		quitKey(strings.NewReader(keys+"rest"), func() { ended = true })
		if !ended {
			t.Errorf("%q does not end it", keys)
		}
	}
}

func TestTopSaysWhichConfigIsInForce(t *testing.T) {
	t.Parallel()
	o := busy()
	o.Config.Loaded, o.Config.By, o.Config.Last = o.At.Add(-time.Minute), "signal", admin.ConfigOutcome{Successful: true}
	if got := strings.Join(screen{}.lines(o), "\n"); !strings.Contains(got, "\nconfig  ✓ 3f2a · loaded 1 min 00 s ago (signal)\n") {
		t.Errorf("%s", got)
	}
}
