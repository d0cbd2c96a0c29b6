package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// commands are all of the program that do something.
func commands(c *cobra.Command) (all []*cobra.Command) {
	for _, sub := range c.Commands() {
		if sub.Runnable() && sub.Name() != "help" {
			all = append(all, sub)
		}
		all = append(all, commands(sub)...)
	}
	return all
}

// notRun are examples that are only parsed: their beginnings, and why.
func notRun() map[string]string {
	return map[string]string{
		"sttgate demo":       "the demo has tests of its own",
		"sttgate fake":       "the stage has its own vendors",
		"sttgate serve":      "the stage has its own gateway",
		"STTGATE_PROVIDERS_": "the same",
		"sttgate ledger":     "no gateway may run: TestADayMovesFromFilesToRedisAndOnAsThePageSays",
		"STTGATE_LEDGER_PATH=/var/lib/sttgate sttgate ledger":              "the same",
		"for f in pod-*.jsonl":                                             "the same",
		"HEALTHCHECK CMD":                                                  "a line of a Dockerfile",
		"DEEPGRAM_API_KEY=$(sttgate token mint --user ann) ./your-program": "there is no program of yours",
	}
}

var called = regexp.MustCompile(`(?:^|[ (])sttgate ([a-z][^|&)]*)`)

// TestEveryCommandHasExamplesThatWork runs what --help shows, against a gateway with a stream of ann's. What a line hands to jq is not handed on.
func TestEveryCommandHasExamplesThatWork(t *testing.T) {
	t.Parallel()
	s := newStageWith(t, stageRules+"providers: {deepgram: {key: key}, soniox: {key: key}, speechmatics: {key: key}}\n")
	s.furnishExamples(s.speaks("ann"))
	var what, last script
	used, seen := map[string]bool{}, map[string]bool{}
	root := (&program{}).root()
	for _, c := range commands(root) {
		if c.Example == "" && c.Parent().Name() != "completion" {
			t.Errorf("%s --help has no example", c.CommandPath())
		}
		own := false
		for line := range strings.Lines(c.Example) {
			line, _, _ = strings.Cut(strings.TrimSpace(line), " | jq ")
			own = own || strings.Contains(line, c.CommandPath()) || strings.Contains(line, `"/sttgate", "`+c.Name()+`"`)
			for _, m := range called.FindAllStringSubmatch(line, -1) {
				parses(t, line, strings.Fields(m[1]))
			}
			run := true
			for begins := range notRun() {
				if strings.HasPrefix(line, begins) {
					used[begins], run = true, false
				}
			}
			switch {
			case !run, seen[line]: // some stand at a command and at those below it
			case strings.HasPrefix(line, "sttgate drain"), strings.HasPrefix(line, "sttgate streams kill"):
				last.add(line, s.asRun(line, nil))
			default:
				what.add(line, s.asRun(line, nil))
			}
			seen[line] = true
		}
		if c.Example != "" && !own {
			t.Errorf("%s --help shows examples of something else", c.CommandPath())
		}
	}
	for begins, why := range notRun() {
		if !used[begins] {
			t.Errorf("no example begins with %q (%s)", begins, why)
		}
	}
	what.parts, what.names = append(what.parts, last.parts...), append(what.names, last.names...)
	if len(what.parts) < 30 {
		t.Errorf("%d examples are run", len(what.parts))
	}
	s.play(what)
}

// parses wants a command with these flags and so many arguments.
func parses(t *testing.T, line string, words []string) {
	t.Helper()
	c, rest, err := (&program{}).root().Find(words)
	if err == nil && c.Runnable() {
		err = c.ParseFlags(rest)
	}
	if err != nil || !c.Runnable() {
		t.Errorf("%s: %v", line, err)
	}
}

// furnishExamples puts there what the examples are about.
func (s *stage) furnishExamples(stream string) {
	s.t.Helper()
	s.words = append([]string{
		"10.0.0.7:9090", s.admin, "wss://stt.example.com", "ws://" + s.gate, "/etc/sttgate/config.yaml", "gate.yaml",
		"0197c5e2-3c51-7d1f-9d0f-6b0c3d6f8a11", stream,
	}, s.words...)
	s.put("new.yaml", stageRules)
	s.put("call.raw", speech)
	s.put("talk.wav", string(wave(1)))
	s.put("october.jsonl", "")
	for _, b := range blocksOf(s.t, "docs/policy.md") {
		if b.lang == "json" {
			s.put("october.jsonl", b.text)
		}
	}
	for name, file := range map[string]string{"talk.mp3": "jfk-vbr.mp3", "call.webm": "jfk-opus60.webm", "film.mkv": "two-pcm.mkv"} {
		b, err := os.ReadFile(filepath.Join(repository, "meter/testdata", file)) //nolint:gosec // a name of the test's own
		if err != nil {
			s.t.Fatal(err)
		}
		s.put(name, string(b))
	}
}
