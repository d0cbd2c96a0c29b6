package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sttgate/sttgate/proxy/admin"
)

// screen is what top shows: width and height of 0 are as much as there is.
type screen struct {
	width, height int
	colour        bool
	late          time.Duration // how long the gateway has not answered
}

// lateAfter is how long an answer may take until that is said.
const lateAfter = 3 * time.Second

// Colours only repeat what a word or a mark says.
const (
	red, green, yellow, dim, bold = "31", "32", "33", "2", "1"
)

// lines are an overview, cut to the screen.
func (s screen) lines(o admin.Overview) []string {
	head := s.paint(bold, "sttgate") + fmt.Sprintf(" %s · %s · up %s", clean(o.Instance), clean(o.Version), spanWords(o.Uptime*1000))
	if o.Draining {
		head += s.paint(yellow, " · ▲ draining: new streams are refused")
	}
	if s.late > lateAfter {
		head += s.paint(red, fmt.Sprintf(" · ▲ no answer for %s", spanWords(s.late.Milliseconds())))
	}
	all := []string{
		head,
		s.row("streams", countWords(o.Streams.Active)+byWord(o.Streams.States)+fmt.Sprintf(" · forwarded %s · dropped %s · charged %s",
			spanWords(o.Totals.Forwarded), spanWords(o.Totals.Dropped), spanWords(o.Totals.Charged))),
		s.row("users", cmp.Or(strings.Trim(byWord(o.Users.Stages), " ()"), "nobody is at a stage")+fmt.Sprintf(" · %s exempt", countWords(o.Users.Exempt))),
		s.row("refused", cmp.Or(strings.Trim(byWord(o.Totals.Refusals), " ()"), "nobody")),
		s.row("vendors", s.vendors(o.Vendors)),
		s.row("store", s.store(o.Store)),
		s.row("config", s.config(o)),
		"",
	}
	return s.trim(append(all, s.streams(o)...))
}

// trim keeps to the window.
func (s screen) trim(all []string) []string {
	if s.height > 0 && len(all) > s.height {
		all = all[:s.height]
	}
	for i := range all {
		all[i] = s.cut(all[i])
	}
	return all
}

func (s screen) row(name, says string) string { return s.paint(dim, fmt.Sprintf("%-8s", name)) + says }

// byWord is " (2 dropping, 1 forwarding)", the largest first.
func byWord(m map[string]int64) string {
	names := slices.SortedFunc(maps.Keys(m), func(a, b string) int { return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b)) })
	var parts []string
	for _, n := range names {
		if m[n] > 0 {
			parts = append(parts, countWords(m[n])+" "+strings.ReplaceAll(clean(n), "_", " "))
		}
	}
	if parts == nil {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

func (s screen) vendors(list []admin.VendorHealth) string {
	var parts []string
	for _, v := range list {
		switch {
		case v.State == "failing":
			parts = append(parts, s.paint(red, "▲ "+v.Provider+" fails ("+clean(v.Failure)+")")+fmt.Sprintf(", %d of %d failed", v.Failed, v.Seen))
		case v.Seen > 0:
			parts = append(parts, s.paint(green, "✓ "+v.Provider)+fmt.Sprintf(" %s, 99 %% %s, %d of %d failed", microWords(v.Median), microWords(v.P99), v.Failed, v.Seen))
		default:
			parts = append(parts, "○ "+v.Provider)
		}
	}
	return strings.Join(parts, " · ")
}

func (s screen) store(h admin.StoreHealth) string {
	says := s.paint(green, "✓ "+h.Kind)
	if !h.Up {
		says = s.paint(red, "▲ "+h.Kind+" takes no writes")
	}
	says += fmt.Sprintf(" · %s calls · half within %s, 99 %% within %s", countWords(h.Leases), microWords(h.Median), microWords(h.P99))
	if failed := byWord(h.Errors); failed != "" {
		says += s.paint(red, " · ▲ failed:"+failed)
	}
	return says
}

// config says which is in force, and what is wrong with the file where it is another.
func (s screen) config(o admin.Overview) string {
	c := o.Config
	ago := func(t time.Time) string { return spanWords(max(o.At.Sub(t), 0).Milliseconds()) + " ago" }
	says := fmt.Sprintf("%s · loaded %s (%s)", clean(c.Hash), ago(c.Loaded), clean(c.By))
	switch {
	case c.Hash == "": // of an older gateway
		return "○ not told"
	case c.Last.Successful:
		return s.paint(green, "✓ ") + says
	}
	says = s.paint(red, "▲ the file was refused") + fmt.Sprintf(" %s (%s): %s", ago(c.Last.At), clean(c.Last.By), clean(c.Last.Fault))
	if more := c.Last.Faults - 1; more > 0 {
		says += fmt.Sprintf(" (and %d more)", more)
	}
	return says + fmt.Sprintf(" · in force %s", clean(c.Hash))
}

// streams is a table of them, those first that have forwarded most.
func (s screen) streams(o admin.Overview) []string {
	if len(o.Top) == 0 {
		return []string{"nothing runs"}
	}
	table := [][]string{{"USER", "VENDOR", "STATE", "AGE", "METERED", "DROPPED", "LEFT", "BUDGET"}}
	marks := map[string]string{"forwarding": "▶", "dropping": "■", "paced": "◐", "ending": "○"}
	for _, t := range o.Top {
		left, budget := "no budget", ""
		if t.Budget != "" {
			left, budget = spanWords(t.Left), clean(t.Budget)
		}
		table = append(table, []string{clean(t.User), t.Provider, cmp.Or(marks[t.State], "?") + " " + t.State, spanWords(t.Age), spanWords(t.Forwarded), spanWords(t.Dropped), left, budget})
	}
	wide := make([]int, len(table[0]))
	for _, row := range table {
		for i, c := range row {
			wide[i] = max(wide[i], utf8.RuneCountInString(c))
		}
	}
	var out []string
	for n, row := range table {
		for i, c := range row {
			space := strings.Repeat(" ", wide[i]-utf8.RuneCountInString(c))
			switch {
			case i >= 3 && i <= 6: // figures stand at the right
				row[i] = space + c
			case i == 2 && n > 0:
				row[i] = s.paint(map[string]string{"forwarding": green, "dropping": red}[o.Top[n-1].State], c) + space
			default:
				row[i] = c + space
			}
		}
		line := strings.TrimRight(strings.Join(row, "  "), " ")
		if n == 0 {
			line = s.paint(dim, line)
		}
		out = append(out, line)
	}
	if more := o.Streams.Active - int64(len(o.Top)); more > 0 {
		out = append(out, fmt.Sprintf("and %s more: sttgate streams list", countWords(more)))
	}
	return out
}

func (s screen) paint(colour, text string) string {
	if !s.colour || colour == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// cut shortens a line to the screen's width; what paints takes no room.
func (s screen) cut(line string) string {
	if s.width <= 0 {
		return line
	}
	var b strings.Builder
	room, escape := s.width, false
	for _, r := range line {
		switch {
		case r == '\x1b':
			escape = true
		case escape:
			escape = r != 'm'
		case room == 0:
			continue
		default:
			room--
		}
		b.WriteRune(r)
	}
	return b.String()
}

// clean takes out what would be a command to a terminal.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}
