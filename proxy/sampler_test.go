package proxy

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sttgate/sttgate/proxy/provider"
)

func spentLine() lineKind  { return lineKind{"refused", "deepgram", "budget_exhausted"} }
func nobodyLine() lineKind { return lineKind{"refused", "none", "unauthenticated"} }

// sampled is a sampler with what it has written.
type sampled struct {
	*sampler
	t   *testing.T
	out logBuffer
	was int // how much of it has been looked at
}

func newSampled(t *testing.T, lvl slog.Level) *sampled {
	t.Helper()
	s := &sampled{t: t}
	s.sampler = newSampler(slog.New(slog.NewJSONHandler(&s.out, &slog.HandlerOptions{Level: lvl})))
	return s
}

// pass lets the bubble's time pass.
func pass(d time.Duration) { <-time.After(d) }

func (s *sampled) refuse(n int, k lineKind, asker string) {
	for range n {
		s.tell(s.t.Context(), slog.LevelInfo, k, asker, slog.String("result", k.result), slog.String("asker", asker))
	}
}

// told is what was written since the last look: the lines of each asker, and the sums.
func (s *sampled) told() (lines map[string]int, sums []string) {
	s.t.Helper()
	synctest.Wait()
	all := s.out.String()
	lines = map[string]int{}
	for line := range strings.Lines(all[s.was:]) {
		var m struct {
			Msg, Line, Provider, Result, Asker string
			Count, Written                     int
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			s.t.Fatal(err)
		}
		if m.Msg == "lines left out" {
			sums = append(sums, fmt.Sprintf("%s %s %s %d of %d", m.Line, m.Provider, m.Result, m.Count, m.Count+m.Written))
			continue
		}
		lines[m.Result+" "+m.Asker]++
	}
	s.was = len(all)
	slices.Sort(sums)
	return lines, sums
}

func (s *sampled) want(lines map[string]int, sums ...string) {
	s.t.Helper()
	gotLines, gotSums := s.told()
	if fmt.Sprint(gotLines) != fmt.Sprint(lines) || !slices.Equal(gotSums, sums) {
		s.t.Errorf("written: %v, %q, want %v, %q", gotLines, gotSums, lines, sums)
	}
}

// leftOut adds up what sums say.
func leftOut(t *testing.T, sums []string) (all int) {
	t.Helper()
	for _, sum := range sums {
		words := strings.Fields(sum)
		n, err := strconv.Atoi(words[len(words)-3])
		if err != nil {
			t.Fatal(sum, err)
		}
		all += n
	}
	return all
}

func TestAClientInALoopGetsAFewLinesAMinuteAndTheRestIsToldInOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSampled(t, slog.LevelInfo)
		for range 6000 { // for ten minutes
			s.refuse(1, spentLine(), "user bob")
			pass(100 * time.Millisecond)
		}
		pass(sampleWindow)
		lines, sums := s.told()
		if n := lines["budget_exhausted user bob"]; n != 10*mostOfOne || len(sums) != 10 || n+leftOut(t, sums) != 6000 {
			t.Errorf("%d lines, sums %q", n, sums)
		}
		pass(10 * sampleWindow)
		s.want(map[string]int{})
		if len(s.open) != 0 {
			t.Errorf("%d windows stay open", len(s.open))
		}
	})
}

func TestALoopHidesNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSampled(t, slog.LevelInfo)
		s.refuse(1000, spentLine(), "user bob")
		s.refuse(1, spentLine(), "user ann")
		s.refuse(1, nobodyLine(), "10.0.0.7") // the first of its kind is there whatever went before
		s.want(map[string]int{"budget_exhausted user bob": mostOfOne, "budget_exhausted user ann": 1, "unauthenticated 10.0.0.7": 1})
		for i := range 10_000 {
			s.refuse(1, spentLine(), fmt.Sprint("user ", i))
		}
		s.mu.Lock()
		n := len(s.open[spentLine()].askers)
		s.mu.Unlock()
		if n > mostLines {
			t.Errorf("%d askers are remembered", n)
		}
		lines, _ := s.told()
		if len(lines) != mostLines-mostOfOne-1 {
			t.Errorf("%d more lines", len(lines))
		}
		pass(sampleWindow)
		s.want(map[string]int{}, "refused deepgram budget_exhausted 10941 of 11001")
	})
}

// TestNoRefusalIsMissingFromTheSums sends them at random times, and ends the gateway in the middle of a window.
func TestNoRefusalIsMissingFromTheSums(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSampled(t, slog.LevelInfo)
		dice, sent := rand.New(rand.NewPCG(7, 7)), 0
		for range 2000 {
			n := dice.IntN(30)
			s.refuse(n, []lineKind{spentLine(), nobodyLine(), {"no lease", "soniox", "store_unavailable"}}[dice.IntN(3)], fmt.Sprint("user ", dice.IntN(20)))
			sent += n
			pass(time.Duration(dice.Int64N(int64(time.Second))))
		}
		s.close()
		lines, sums := s.told()
		told := 0
		for _, n := range lines {
			told += n
		}
		written := told
		told += leftOut(t, sums)
		if told != sent || written == sent || len(sums) < 10 {
			t.Errorf("%d were refused, %d are told of, %d of them in lines, %d sums", sent, told, written, len(sums))
		}
		s.refuse(100, spentLine(), "user bob") // behind the end nobody would tell their number
		s.want(map[string]int{"budget_exhausted user bob": 100})
	})
}

func TestTheLevelDecidesWhetherLinesAreLeftOut(t *testing.T) {
	for lvl, want := range map[slog.Level]map[string]int{
		slog.LevelDebug: {"budget_exhausted user bob": 500}, slog.LevelInfo: {"budget_exhausted user bob": mostOfOne}, slog.LevelWarn: {},
	} {
		t.Run(lvl.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSampled(t, lvl)
				s.refuse(500, spentLine(), "user bob")
				s.want(want)
				s.close()
			})
		})
	}
}

// TestRefusalsOverSocketsAreSampledAndSummedUpAtTheEnd is the whole way: a client that is refused a hundred times, and a gateway that ends.
func TestRefusalsOverSocketsAreSampledAndSummedUpAtTheEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	for range 100 {
		r.get("ann", "/nowhere").wants(t, 404, string(provider.Unsupported))
	}
	r.upload("", raw16, zeros(64), 64).wants(t, 401, string(provider.Unauthenticated))
	r.stop()
	log := r.log.String()
	if n := strings.Count(log, `"msg":"refused"`); n != mostOfOne+1 || !strings.Contains(log, `"result":"unauthenticated"`) {
		t.Errorf("%d lines", n)
	}
	if !strings.Contains(log, `"msg":"lines left out","line":"refused","provider":"none","result":"unsupported","count":90,"written":10,"since":"`) {
		t.Error("their number is not told")
	}
	if r.metric("streams_total", "result", "unsupported") != 100 {
		t.Error("the metrics lack some")
	}
}
