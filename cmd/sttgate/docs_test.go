package main

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestTheDocumentationDoesWhatItSays holds every block of every page: commands are run and their output is compared, configs are
// loaded, bodies and code are read by what reads them. What cannot be is on the list of elsewhere, and what is there has to be in the pages.
func TestTheDocumentationDoesWhatItSays(t *testing.T) {
	t.Parallel()
	used := make([]bool, len(elsewhere()))
	plays := playbook(pages(t))
	redis := startPagesRedis(t)
	for _, page := range pages(t) {
		blocks := blocksOf(t, page)
		var played []block
		for i, b := range blocks {
			switch b.lang {
			case "sh":
				if b.text = leaveOut(b, used); b.text != "" {
					played = append(played, b)
				}
			case "text": // the output of the commands before it; anywhere else a drawing
				if n := len(played); n > 0 && played[n-1].lang == "sh" && played[n-1].line == blocks[i-1].line && b.heading == blocks[i-1].heading {
					played = append(played, b)
				}
			default:
				holdBlock(t, b, used)
			}
		}
		p, known := plays[page]
		delete(plays, page)
		if !known && len(played) > 0 {
			t.Errorf("%s has commands, and the playbook nothing about the page", page)
		}
		if known {
			t.Run(page, func(t *testing.T) {
				t.Parallel()
				playPage(t, p, redis, page, played)
			})
		}
	}
	for page := range plays {
		t.Errorf("%s is in the playbook, and there is no such page", page)
	}
	for i, e := range elsewhere() {
		if !used[i] {
			t.Errorf("no page has what is an exception: %s %q", e.page, e.begins)
		}
	}
}

// leaveOut is a block of commands without those that cannot run here.
func leaveOut(b block, used []bool) string {
	var rest []string
	for _, line := range b.lines() {
		if !excepted(b, line, used) {
			rest = append(rest, line)
		}
	}
	return strings.Join(rest, "\n")
}

// excepted finds the exception that a line or a block is, and marks it as used.
func excepted(b block, text string, used []bool) bool {
	for i, e := range elsewhere() {
		if (e.page == "" || e.page == b.page) && cmp.Or(e.lang, "sh") == b.lang && strings.HasPrefix(text, e.begins) {
			used[i] = true
			return true
		}
	}
	return false
}

// playPage runs a page's lines in their order, in one shell, and compares what it shows of their output.
func playPage(t *testing.T, p play, redis *pagesRedis, page string, blocks []block) {
	t.Helper()
	s := p.open(t, redis)
	if p.config != "" {
		s.config(page, p.config)
	}
	var what script
	var all string
	part := map[int]int{} // block to part
	for i, b := range blocks {
		if b.lang != "sh" {
			continue
		}
		var lines []string
		for _, line := range b.lines() {
			all += "\n" + line
			for begins, before := range p.before {
				if strings.HasPrefix(line, begins) {
					lines = append(lines, strings.NewReplacer(s.words...).Replace(before))
				}
			}
			lines = append(lines, s.asRun(line, p.fails))
		}
		part[i] = len(what.parts)
		what.add(b.String(), strings.Join(lines, "\n"))
	}
	for _, begins := range append(slices.Collect(maps.Keys(p.before)), slices.Collect(maps.Keys(p.fails))...) {
		if !strings.Contains(all, "\n"+begins) {
			t.Errorf("the playbook has something about lines of %s that begin with %q, and there are none", page, begins)
		}
	}
	for _, line := range p.inline(t, page) {
		what.add(page+" `"+line+"`", s.asRun(line, p.fails))
	}
	if len(what.parts) == 0 {
		return
	}
	out := s.play(what)
	for i, b := range blocks {
		if b.lang == "text" {
			compareOutput(t, b, out[part[i-1]], p.varies)
		}
	}
}

// compareOutput wants each line of what a page shows among those that there were: word for word, but for what varies.
func compareOutput(t *testing.T, shown block, got string, varies []string) {
	t.Helper()
	var missing []string
	for _, line := range shown.lines() {
		pattern := regexp.QuoteMeta(strings.Join(strings.Fields(line), " "))
		for _, v := range varies {
			pattern = strings.ReplaceAll(pattern, regexp.QuoteMeta(v), `\S+`)
		}
		want := regexp.MustCompile("^" + pattern + "$")
		if !slices.ContainsFunc(strings.Split(got, "\n"), func(l string) bool { return want.MatchString(strings.Join(strings.Fields(l), " ")) }) {
			missing = append(missing, line)
		}
	}
	if missing != nil {
		t.Errorf("%s shows\n%s\nand there was\n%s", shown, strings.Join(missing, "\n"), got)
	}
}

// TestCommandsInTheTextExist holds what the pages name in passing against the program: the commands and their flags.
func TestCommandsInTheTextExist(t *testing.T) {
	t.Parallel()
	n := 0
	for _, page := range pages(t) {
		for _, line := range inlineCommands(t, page) {
			n++
			words := strings.Fields(line)
			c, rest, err := (&program{}).root().Find(words[1:])
			if err != nil || !c.Runnable() && len(rest) > 0 {
				t.Errorf("%s: `%s`: there is no such command (%v)", page, line, err)
				continue
			}
			for _, w := range rest {
				name, isFlag := strings.CutPrefix(w, "--")
				name, _, _ = strings.Cut(name, "=")
				if isFlag && c.Flags().Lookup(name) == nil && c.InheritedFlags().Lookup(name) == nil {
					t.Errorf("%s: `%s` has no --%s", page, line, name)
				}
			}
		}
		// A block without a fence is read by nobody.
		for line := range strings.Lines(prose(t, page)) {
			if bare.MatchString(line) {
				t.Errorf("%s: a command without a fence around it: %s", page, line)
			}
		}
	}
	if n < 50 {
		t.Errorf("%d commands were found in the text: are they written otherwise now?", n)
	}
}

// TestTheREADMENamesEveryCommand holds the table of commands against the program.
func TestTheREADMENamesEveryCommand(t *testing.T) {
	t.Parallel()
	named := strings.Join(inlineCommands(t, "README.md"), "\n") + "\n"
	for _, c := range (&program{}).root().Commands() {
		if c.IsAvailableCommand() && c.Name() != "help" && !regexp.MustCompile(`(?m)^sttgate `+c.Name()+`\b`).MatchString(named) {
			t.Errorf("README.md does not name %s", c.CommandPath())
		}
	}
}

var (
	inlined = regexp.MustCompile("`((?:bin/)?sttgate [a-z][^`]*)`")
	bare    = regexp.MustCompile(`^(?: {4,}|\t+)(?:[A-Z_]+=\S+ )?(?:bin/)?(?:sttgate|curl|make|redis-cli|kubectl|helm|docker|go) `)
)

// inlineCommands are those that stand in a page's text, with what `a|b` stands for.
func inlineCommands(t *testing.T, page string) (out []string) {
	t.Helper()
	for _, m := range inlined.FindAllStringSubmatch(prose(t, page), -1) {
		words := strings.Split(strings.Join(strings.Fields(strings.ReplaceAll(m[1], `\|`, "|")), " "), " ")
		ways := [][]string{nil}
		for _, w := range words {
			var more [][]string
			for alternative := range strings.SplitSeq(w, "|") {
				for _, way := range ways {
					more = append(more, append(slices.Clone(way), alternative))
				}
			}
			ways = more
		}
		for _, way := range ways {
			out = append(out, strings.Join(way, " "))
		}
	}
	return out
}
