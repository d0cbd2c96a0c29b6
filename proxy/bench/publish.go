//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// The generated part of the document stands between these lines.
const (
	beginMark = "<!-- bench:begin -->"
	endMark   = "<!-- bench:end -->"
)

// publish prints what was measured and, where asked, writes it into the document.
func publish(b book, o options, stdout io.Writer) error {
	text := markdown(b)
	if o.json {
		enc := json.NewEncoder(stdout)
		enc.SetIndent("", "  ")
		if err := enc.Encode(map[string]any{"machine": b.machine, "samples": b.samples}); err != nil {
			return err
		}
	} else if _, err := io.WriteString(stdout, text); err != nil {
		return err
	}
	if o.out == "" {
		return nil
	}
	return writeInto(o.out, text)
}

// writeInto replaces the generated part of a document.
func writeInto(file, text string) error {
	doc, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	doc, err = replaceBetween(doc, text)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, doc, 0o644) //nolint:gosec // a document for everyone
}

var errNoMarks = errors.New("the lines " + beginMark + " and " + endMark + " are not there in this order")

func replaceBetween(doc []byte, text string) ([]byte, error) {
	head, rest, ok := strings.Cut(string(doc), beginMark)
	if !ok {
		return nil, errNoMarks
	}
	_, foot, ok := strings.Cut(rest, endMark)
	if !ok {
		return nil, errNoMarks
	}
	return []byte(head + beginMark + "\n\n" + text + "\n" + endMark + foot), nil
}

// markdown is the tables: goals first, because that is the question.
func markdown(b book) string {
	var s strings.Builder
	fmt.Fprintf(&s, "Measured %s.\n\n", b.machine)
	if v := judge(b); len(v) > 0 {
		s.WriteString("### Goals\n\n")
		rows := [][]string{{"goal", "case", "at most", "measured (lowest–highest round)", ""}}
		for _, g := range v {
			rows = append(rows, g.row())
		}
		s.WriteString(table(rows))
	}
	for _, c := range b.cases {
		fmt.Fprintf(&s, "\n### %s\n\n%s.\n\n", c.name, strings.ToUpper(c.title[:1])+c.title[1:])
		s.WriteString(table(caseRows(b, c)))
	}
	return s.String()
}

// caseRows has a row for each contender, with its figures and the ratios to the others' first figure.
func caseRows(b book, c scenario) [][]string {
	ms := c.kind.metrics()
	head := []string{"proxy"}
	for _, m := range ms {
		head = append(head, m.title+", "+m.unit+" (lowest–highest)")
	}
	bases := []string{nginx, nginxAuto, reverse, gorilla}
	bases = slices.DeleteFunc(bases, func(base string) bool { return len(b.values(c.name, base, ms[0].name)) == 0 })
	for _, base := range bases {
		head = append(head, "/ "+base)
	}
	rows := [][]string{head}
	for _, who := range c.field(b.who) {
		if len(b.values(c.name, who.name, ms[0].name)) == 0 {
			continue
		}
		row := []string{who.name}
		if who.name == noProxy {
			row[0] = noProxy + " (the whole round trip)"
		}
		for _, m := range ms {
			v := spreadOf(b.values(c.name, who.name, m.name))
			row = append(row, fmt.Sprintf("%.*f (%.*f–%.*f)", m.digits, v.median, m.digits, v.low, m.digits, v.high))
		}
		for _, base := range bases {
			r := b.ratios(c.name, who.name, base, ms[0].name)
			if len(r) == 0 || who.name == noProxy {
				row = append(row, "–")
				continue
			}
			row = append(row, fmt.Sprintf("%.2f", spreadOf(r).median))
		}
		rows = append(rows, row)
	}
	return rows
}

// table is a Markdown table, padded so that it reads on a terminal too.
func table(rows [][]string) string {
	width := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, cell := range r {
			width[i] = max(width[i], len([]rune(cell)), 3)
		}
	}
	var s strings.Builder
	line := func(cells []string, fill string) {
		for i, w := range width {
			cell := ""
			if cells != nil {
				cell = cells[i]
			}
			s.WriteString("| " + cell + strings.Repeat(fill, w-len([]rune(cell))) + " ")
		}
		s.WriteString("|\n")
	}
	line(rows[0], " ")
	line(nil, "-")
	for _, r := range rows[1:] {
		line(r, " ")
	}
	return s.String()
}
