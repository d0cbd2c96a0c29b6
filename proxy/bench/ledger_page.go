//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// ledgerBook is what a run has measured; a case that was not run is nil.
type ledgerBook struct {
	Where   string
	Calls   []callsRow
	Memory  []memoryRow
	Ceiling []ceilingRow
	Read    []readRow
	Streams []crowdRow
	People  populationRow
	Shard   []crowdRow
	gateway gatewayCost
	o       ledgerOptions
}

// page is the generated part of docs/scale.md.
func (b ledgerBook) page() string {
	var s strings.Builder
	where := ""
	if b.o.only == "" {
		fmt.Fprintf(&s, "%s\n", b.Where)
	} else {
		where = b.Where + "\n\n" // its tables may come to stand among those of another run
	}
	part := func(title string, rows [][]string) {
		if len(rows) > 1 {
			fmt.Fprintf(&s, "\n### %s\n\n%s%s", title, where, table(rows))
		}
	}
	part("What a stream asks of Redis", b.callsTable())
	part("What a user and a stream take in Redis", b.memoryTable())
	part("What one core of Redis can do", b.ceilingTable())
	part("What a user's minutes cost to read", b.readTable())
	part(fmt.Sprintf("%s streams on one core", thousands(b.o.streams)), crowdTable(b.Streams))
	part(fmt.Sprintf("One of %d shards of %s streams", b.o.shards, thousands(b.o.million)), crowdTable(b.Shard))
	part("Everybody's records in one server", b.peopleTable())
	if c, ok := b.cost(); ok {
		part("What so many streams need", b.needTable(c))
		part("A longer slice", b.sliceTable(c))
	}
	return s.String()
}

// publishLedger prints the page and, where asked, writes it into the document.
func publishLedger(b ledgerBook, stdout io.Writer) error {
	text := b.page()
	if _, err := io.WriteString(stdout, text); err != nil || b.o.out == "" {
		return err
	}
	if b.o.only != "" {
		doc, err := os.ReadFile(b.o.out)
		if err != nil {
			return err
		}
		_, old, _ := strings.Cut(string(doc), beginMark)
		old, _, _ = strings.Cut(old, endMark)
		text = mergeSections(old, text)
	}
	return writeInto(b.o.out, text)
}

// mergeSections replaces the sections of a page that a run of some cases has measured again, by their
// titles, and adds what is new at the end.
func mergeSections(old, text string) string {
	const mark = "\n### "
	sections := strings.Split(strings.TrimSpace(old), mark)
	title := func(s string) string { t, _, _ := strings.Cut(s, "\n"); return t }
	for _, s := range strings.Split(text, mark)[1:] {
		i := slices.IndexFunc(sections, func(o string) bool { return title(o) == title(s) })
		if i < 0 {
			sections = append(sections, strings.TrimSpace(s)+"\n")
			continue
		}
		sections[i] = strings.TrimSpace(s) + "\n"
	}
	return strings.TrimSpace(strings.Join(sections, mark)) + "\n"
}

func (b ledgerBook) callsTable() [][]string {
	rows := [][]string{{"budgets", "calls per minute of audio", "to open and settle", "bytes to Redis per call", "bytes back", "bytes of append-only log per call"}}
	for _, r := range b.Calls {
		rows = append(rows, []string{
			titleOf(r.Kind), fmt.Sprintf("%.1f", r.Minute), fmt.Sprintf("%.1f", r.Life),
			fmt.Sprintf("%.0f", r.In), fmt.Sprintf("%.0f", r.Out), fmt.Sprintf("%.0f", r.Log),
		})
	}
	return rows
}

func titleOf(kind string) string {
	for _, k := range append(budgetKinds(), spentKind()) {
		if k.name == kind {
			return k.title
		}
	}
	return kind
}

func (b ledgerBook) memoryTable() [][]string {
	rows := [][]string{{"eight days of", "budgets", "bytes at rest", "more per running stream", "per settled stream, 4 h"}}
	for _, r := range b.Memory {
		rows = append(rows, []string{r.Habit, titleOf(r.Kind), fmt.Sprint(r.Rest), fmt.Sprint(r.Stream), dashIfZero(r.Mark)})
	}
	return rows
}

func dashIfZero(n int64) string {
	if n == 0 {
		return "–"
	}
	return fmt.Sprint(n)
}

func (b ledgerBook) ceilingTable() [][]string {
	rows := [][]string{{"a lease under", "calls for one", "CPU per call, µs", "calls/s reached", "at a share of the core of", "calls/s of a whole core"}}
	for _, r := range b.Ceiling {
		reached, share := fmt.Sprintf("%.0f", r.Rate), fmt.Sprintf("%.0f %%", 100*r.Server)
		if r.What == hotName {
			reached, share = "from the difference", "–"
		}
		rows = append(rows, []string{titleOf(r.What), fmt.Sprintf("%.0f", r.PerCall), fmt.Sprintf("%.1f", micros(r.CPU)), reached, share, fmt.Sprintf("%.0f", r.most())})
	}
	return rows
}

func (b ledgerBook) readTable() [][]string {
	rows := [][]string{{"eight days of", "usage in three windows, µs of CPU", "a lease under a budget over 7 d, µs"}}
	for _, r := range b.Read {
		rows = append(rows, []string{r.Habit, fmt.Sprintf("%.0f", micros(r.Usage)), fmt.Sprintf("%.0f", micros(r.Lease))})
	}
	return rows
}

func crowdTable(all []crowdRow) [][]string {
	rows := [][]string{{
		"", "streams", "leases/s", "calls/s", "lease p50, ms", "p90", "p99", "p99.9", "max",
		"streams that ever ran dry", "audio that came late", "calls failed", "Redis' core", "the load's", "log MB/s",
	}}
	ms := func(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d)/float64(time.Millisecond)) }
	for _, r := range all {
		rows = append(rows, []string{
			fmt.Sprintf("%s, %v", r.Title, r.Window), thousands(r.Streams), fmt.Sprintf("%.0f", r.Leases), fmt.Sprintf("%.0f", r.Calls),
			ms(r.P50), ms(r.P90), ms(r.P99), ms(r.P999), ms(r.Max),
			fmt.Sprintf("%.3f %%", 100*r.Dry), fmt.Sprintf("%.4f %%", 100*r.Late), fmt.Sprint(r.Failed),
			fmt.Sprintf("%.0f %%", 100*r.Server), fmt.Sprintf("%.0f %%", 100*r.Load), logRate(r.Log),
		})
	}
	return rows
}

// logRate has no figure where the log became shorter meanwhile.
func logRate(bytes float64) string {
	if bytes < 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f", bytes/1e6)
}

func (b ledgerBook) peopleTable() [][]string {
	rows := [][]string{{"users", "keys", "memory, MB", "bytes per user", "fork, ms", "rewrite of the log, s", "log after it, MB"}}
	if p := b.People; p.Users > 0 {
		rows = append(rows, []string{
			thousands(int(p.Users)), thousands(int(p.Keys)), fmt.Sprintf("%.0f", float64(p.Memory)/1e6), fmt.Sprintf("%.0f", float64(p.Memory)/float64(p.Users)),
			fmt.Sprintf("%.0f", micros(p.Fork)/1000), fmt.Sprintf("%.1f", p.Rewrite.Seconds()), fmt.Sprintf("%.0f", float64(p.LogSize)/1e6),
		})
	}
	return rows
}

// cost puts the cases together; false where one is missing.
func (b ledgerBook) cost() (streamCost, bool) {
	if len(b.Calls) == 0 || len(b.Memory) < 2 || len(b.Ceiling) == 0 || len(b.Read) < 2 || b.gateway.Frame == 0 {
		return streamCost{}, false
	}
	calls, weight, core := b.Calls[0], b.Memory[1], b.Ceiling[0]
	return streamCost{
		Minute: calls.Minute, Life: calls.Life, CPU: core.CPU, In: calls.In, Out: calls.Out, Log: calls.Log,
		Rest: float64(weight.Rest), Running: float64(weight.Stream), Mark: float64(weight.Mark),
		Read: b.Read[1].Usage,
	}, true
}

func (b ledgerBook) needTable(c streamCost) [][]string {
	rows := [][]string{{"", thousands(10_000), thousands(100_000), thousands(1_000_000)}}
	var all []need
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		all = append(all, needOf(n, b.gateway, c, b.o.slice, b.o.slice))
	}
	line := func(what, format string, of func(need) any) {
		row := []string{what}
		for _, n := range all {
			row = append(row, fmt.Sprintf(format, of(n)))
		}
		rows = append(rows, row)
	}
	line("gateways: cores busy with frames and handshakes", "%.0f", func(n need) any { return n.FrameCores })
	line(fmt.Sprintf("gateways of %d cores at %.0f %%", gatewayCores, 100*busyShare), "%d", func(n need) any { return n.Gateways })
	line("their memory for streams, GB", "%.2f", func(n need) any { return n.GatewayMem / 1e9 })
	line("audio in, and out again, Gbit/s each", "%.2f", func(n need) any { return n.Audio / 1e9 })
	line("streams opened per second", "%.0f", func(n need) any { return n.Opens })
	line("Redis: calls/s", "%.0f", func(n need) any { return n.Calls })
	line("cores busy with leases", "%.1f", func(n need) any { return n.RedisCores })
	line("cores busy with reading the soft caps, a look per stream and minute", "%.1f", func(n need) any { return n.CapCores })
	line(fmt.Sprintf("shards of one core at %.0f %%", 100*busyShare), "%d", func(n need) any { return n.Shards })
	line("memory of all shards, GB", "%.2f", func(n need) any { return n.RedisMem / 1e9 })
	line("in, Mbit/s", "%.0f", func(n need) any { return n.In * 8 / 1e6 })
	line("out, Mbit/s", "%.0f", func(n need) any { return n.Out * 8 / 1e6 })
	line("append-only log, and to each replica, MB/s", "%.1f", func(n need) any { return n.Log / 1e6 })
	line("connections at each shard", "%d", func(n need) any { return n.Connections })
	return rows
}

func (b ledgerBook) sliceTable(c streamCost) [][]string {
	rows := [][]string{{"ledger.slice", "calls/s of 1 000 000 streams", "shards", "streams that one breaker carries"}}
	for _, want := range []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, time.Minute} {
		n := needOf(1_000_000, b.gateway, c, b.o.slice, want)
		hot := "–"
		if h := b.Ceiling[len(b.Ceiling)-1]; h.What == hotName {
			hot = thousands(hotStreams(c, h.CPU, b.o.slice, want))
		}
		rows = append(rows, []string{want.String(), fmt.Sprintf("%.0f", n.Calls), fmt.Sprint(n.Shards), hot})
	}
	return rows
}

// thousands writes 1000000 as 1 000 000.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}
