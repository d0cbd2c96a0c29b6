package main

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
)

// play says how a page's lines are run.
type play struct {
	alone  bool                  // the page starts its gateway itself
	config string                // the name of the file that the page shows, then
	words  func(*stage) []string // before those of every stage
	file   int                   // how many times the recording's 11 seconds are in talk.wav; 0: six
	redis  bool                  // the ledger is there
	rules  string                // of the gateway's config; stageRules where it is empty
	speaks bool                  // ann speaks
	text   bool                  // the commands in the text are run, too, behind the blocks
	before map[string]string     // what has happened before a line that begins so, which the page tells in words
	fails  map[string]int        // lines that begin so end with that code, and are meant to
	varies []string              // words of the output that are others each time
	env    map[string]string     // of the lines; empty: taken away
}

// playbook has every page with commands.
func playbook(names []string) map[string]play {
	all := map[string]play{
		"README.md": {
			alone:  true,
			before: map[string]string{"curl -i": "got=0; bin/sttgate send talk.wav --user ann --speed max || got=$?; [ $got = 1 ]"},
			fails:  map[string]int{"curl -i": 22},
			varies: []string{"4.020", "35999", "10h"}, // how far a client came that is cut off; until midnight
		},
		"docs/budgets.md":  {},
		"docs/identity.md": {},
		"docs/outage-drill.md": {
			alone: true, config: "drill.yaml",
			// Its vendors and its Redis are its own, and the recording is heard in the time that it takes.
			words: func(s *stage) []string {
				return []string{
					"http://127.0.0.1:8089", "http://" + s.fake, "127.0.0.1:8089", s.fake, ":8089", s.fake[strings.LastIndex(s.fake, ":"):], "6390", ledgertest.FreePort(s.t),
					"sttgate send ", "sttgate send --url ws://" + s.gate + " ",
				}
			},
			file:   2,
			varies: []string{"2026-12-03T08:45:00Z"},
			env:    map[string]string{"STTGATE_PROVIDERS_DEEPGRAM_URL": ""},
			fails:  map[string]int{"sttgate send talk.wav --user bob": 1, "sttgate send talk.wav --user ann --speed max ": 1},
		},
		"docs/refusals.md": {
			rules:  strings.Replace(stageRules, "30m", "10s", 1),
			before: map[string]string{"sttgate explain": "sttgate user stage ann restrict --reason 'shared account'; got=0; sttgate send talk.wav --user ann || got=$?; [ $got = 1 ]"},
		},
		"docs/sidecar.md": {alone: true, config: "gate.yaml"},
		"docs/tuning.md":  {before: map[string]string{"curl --data-binary": "sed -i --follow-symlinks s/30m/20m/ gate.yaml"}},
	}
	for _, page := range names {
		if strings.HasPrefix(page, "docs/runbooks/") {
			p := play{redis: true, speaks: true, text: true}
			if strings.HasSuffix(page, "/vendor-unreachable.md") {
				p.fails = map[string]int{"curl -sv": 22} // 4xx is an answer, as the page says
			}
			all[page] = p
		}
	}
	return all
}

// pagesRedis is one server for all pages, with a database for each.
type pagesRedis struct {
	*ledgertest.RedisServer
	taken atomic.Int64
}

func startPagesRedis(t *testing.T) *pagesRedis {
	t.Helper()
	return &pagesRedis{RedisServer: ledgertest.StartRedis(t, "--databases", "100")}
}

func (r *pagesRedis) url() string { return fmt.Sprintf("%s/%d", r.URL(), r.taken.Add(1)-1) }

// open sets the stage.
func (p play) open(t *testing.T, redis *pagesRedis) *stage {
	t.Helper()
	rules, url := p.rules, ""
	if rules == "" {
		rules = stageRules
	}
	if p.redis {
		url = redis.url()
		rules += fmt.Sprintf("ledger: {store: redis, redis: {url: %q, timeout: %s}}\n", url, redisTimeout)
	}
	var s *stage
	if p.alone {
		s = newStage(t)
	} else {
		s = newStageWith(t, rules)
	}
	s.env["ADMIN"], s.env["REDIS_URL"], s.env["LEDGER_PATH"] = "http://"+s.admin, url, s.dir
	s.env["CLASSIFIER_URL"], s.env["CLASSIFIER_KEY"] = agrees(t), "key"
	maps.Copy(s.env, p.env)
	maps.DeleteFunc(s.env, func(_, value string) bool { return value == "" })
	if p.words != nil {
		s.words = append(p.words(s), s.words...)
	}
	if p.file > 0 {
		s.put("talk.wav", string(wave(p.file)))
	}
	s.names = map[string]string{"USER": "ann", "FILE": "talk.wav"}
	if p.speaks {
		s.names["ID"] = s.speaks("ann")
		s.names["STREAM"] = s.names["ID"]
	}
	return s
}

// inline are the commands in a page's text that are whole: those that only name a command are not run.
func (p play) inline(t *testing.T, page string) (out []string) {
	t.Helper()
	if !p.text {
		return nil
	}
	for _, line := range inlineCommands(t, page) {
		line = strings.ReplaceAll(line, "…", "'the reason'")
		words := strings.Fields(line)
		c, rest, err := (&program{}).root().Find(words[1:])
		if err != nil || !c.Runnable() || c.ParseFlags(rest) != nil || c.ValidateArgs(c.Flags().Args()) != nil || line == "sttgate simulate" {
			continue
		}
		out = append(out, line)
	}
	slices.SortStableFunc(out, func(a, b string) int { // nothing is behind a drain
		return strings.Compare(fmt.Sprint(a == "sttgate drain"), fmt.Sprint(b == "sttgate drain"))
	})
	return out
}

// agrees is a server that says yes to everything.
func agrees(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	t.Cleanup(s.Close)
	return s.URL
}

// config is the one that the page shows, where its lines look for it.
func (s *stage) config(page, name string) {
	s.t.Helper()
	for _, b := range blocksOf(s.t, page) {
		if b.lang == "yaml" {
			s.put(name, strings.NewReplacer(s.words...).Replace(b.text))
			return
		}
	}
}
