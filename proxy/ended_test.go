package proxy

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sttgate/sttgate/proxy/provider"
)

// told gathers what Sessions is told.
type told struct {
	mu  sync.Mutex
	all []Ended
}

func (l *told) add(e Ended) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, e)
}

// one waits for everything to end and returns the only session.
func (l *told) one(r *rig) Ended {
	r.t.Helper()
	r.settled()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.all) != 1 {
		r.t.Fatalf("told of %+v, want one session", l.all)
	}
	return l.all[0]
}

func TestEveryVendorsStreamIsToldOfWhenItIsOver(t *testing.T) {
	const most = 20
	for name, c := range map[string]struct {
		model, said string
		stream      func(*testing.T, rigOptions) *rig
	}{
		"deepgram": {"nova-3", "1.0 seconds heard", func(t *testing.T, o rigOptions) *rig {
			r := newRig(t, o)
			c := r.connect("alice", linear16)
			c.send(100, 20)
			c.text(`{"type":"CloseStream"}`)
			c.read()
			return r
		}},
		"deepgram flux": {"flux-general-en", "", func(t *testing.T, o rigOptions) *rig {
			r := newRig(t, o)
			c := r.connect("alice", flux)
			c.send(100, 20)
			c.text(`{"type":"CloseStream"}`)
			c.read()
			return r
		}},
		"soniox": {"stt-rt-v5", "", func(t *testing.T, o rigOptions) *rig {
			r := newSonioxRig(t, o)
			c := r.stream("alice")
			c.send(100, 20)
			c.finish()
			c.read()
			return r.rig
		}},
		"speechmatics": {"", "", func(t *testing.T, o rigOptions) *rig {
			r := newSpeechmaticsRig(t, o)
			c := r.recognise("alice")
			c.send(100, 20)
			c.finish(100)
			c.end()
			return r.rig
		}},
	} {
		for _, excerpt := range []int{0, most} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				var l told
				r := c.stream(t, rigOptions{sessions: Sessions{Ended: l.add, Excerpt: excerpt}})
				e := l.one(r)
				vendor, _, _ := strings.Cut(name, " ")
				if e.ID == "" || e.User != "alice" || e.Provider != vendor || e.Mode != provider.ModeStream || e.Audio != 2*time.Second || e.Result != "ok" || e.Lasted <= 0 || e.Began.IsZero() {
					t.Errorf("%+v", e)
				}
				if e.Model != c.model || !e.Heard || e.Speech <= 0 || e.Speech > 2*time.Second {
					t.Errorf("model %q, speech %v", e.Model, e.Speech)
				}
				switch {
				case excerpt == 0 && e.Excerpt != "":
					t.Errorf("kept %q", e.Excerpt)
				case excerpt > 0 && (e.Excerpt == "" || len(e.Excerpt) > most || !strings.Contains(e.Excerpt, c.said)):
					t.Errorf("kept %q", e.Excerpt)
				case excerpt > 0 && strings.Contains(r.log.String(), strings.TrimSpace(e.Excerpt)):
					t.Errorf("what was said is in the log:\n%s", r.log)
				}
			})
		}
	}
}

func TestAnUploadIsToldOfWhenItIsOver(t *testing.T) {
	t.Parallel()
	var l told
	r := newRig(t, rigOptions{sessions: Sessions{Ended: l.add, Excerpt: 100}})
	r.upload("alice", "model=nova-3&"+raw16, zeros(64_000), 64_000).wants(t, 200, "")
	e := l.one(r)
	if e.User != "alice" || e.Model != "nova-3" || e.Mode != provider.ModeUpload || e.Audio != 2*time.Second || e.Result != "ok" || e.Heard || e.Excerpt != "" {
		t.Errorf("%+v", e)
	}
}

func TestAudioBehindAURLIsToldOfByWhatItCost(t *testing.T) {
	t.Parallel()
	var l told
	r := newRig(t, rigOptions{sessions: Sessions{Ended: l.add}})
	body := `{"url":"https://example.com/a#t=7"}`
	a := r.upload("alice", "model=nova-3", strings.NewReader(body), -1, "Content-Type", "application/json")
	a.wants(t, 200, "")
	if e := l.one(r); e.Audio.Milliseconds() != a.charged() || e.Audio <= 0 {
		t.Errorf("%v, charged %d", e.Audio, a.charged())
	}
}

func TestARefusalIsNoSession(t *testing.T) {
	t.Parallel()
	var l told
	r := newRig(t, rigOptions{config: budgetOf(time.Second), sessions: Sessions{Ended: l.add}})
	r.restrict("bob")
	r.upload("bob", raw16, zeros(64_000), 64_000).wants(t, 429, "budget_exhausted")
	if r.settled(); len(l.all) != 0 {
		t.Errorf("%+v", l.all)
	}
}

func TestWhatNobodyWantsToKnowIsNotLookedFor(t *testing.T) {
	r := newRig(t, rigOptions{})
	c := r.connect("alice", linear16)
	st := r.running()
	if st.tap.pauses != nil || st.tap.excerpt != nil {
		t.Error("it is")
	}
	msg := []byte(`{"type":"Results","is_final":true,"channel":{"alternatives":[{"transcript":"a"}]}}`)
	if n := testing.AllocsPerRun(100, func() { st.tap.excerpt.add(msg) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	c.text(`{"type":"CloseStream"}`)
	c.read()
}

func TestPausesAreFoundByLookingOnceASecond(t *testing.T) {
	t.Parallel()
	began := time.Unix(1000, 0)
	for name, c := range map[string]struct {
		heard []int // the seconds in which audio comes
		end   int
		want  Pauses
	}{
		"none":            {[]int{1, 2, 3, 4, 5, 6}, 7, Pauses{}},
		"short ones":      {[]int{4, 8, 12}, 16, Pauses{}},
		"one in between":  {[]int{1, 6, 7}, 8, Pauses{1, 5 * time.Second, 5 * time.Second}},
		"at both ends":    {[]int{5, 6}, 26, Pauses{2, 25 * time.Second, 20 * time.Second}},
		"nothing at all":  {nil, 10, Pauses{1, 10 * time.Second, 10 * time.Second}},
		"nothing, and at": {nil, 4, Pauses{}},
	} {
		p := &pauses{last: began}
		bytes, next := int64(0), 0
		for s := 1; s <= c.end; s++ {
			if next < len(c.heard) && c.heard[next] == s {
				bytes, next = bytes+1, next+1
			}
			if s < c.end {
				p.look(began.Add(time.Duration(s)*time.Second), bytes)
			}
		}
		if got := p.end(began.Add(time.Duration(c.end)*time.Second), bytes); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// saying is a Quoter that repeats what it is shown.
type saying struct{ provider.Deepgram }

func (saying) Quote(text []byte) string { return string(text) }

func TestAnExcerptEndsAtItsLastCharacter(t *testing.T) {
	t.Parallel()
	for _, letter := range []string{"a", "ü", "𐍈", "a𐍈"} {
		e := newExcerpt(saying{}, 10)
		for range 30 {
			e.add([]byte(letter))
		}
		e.add([]byte(strings.Repeat(letter, 100)))
		if want := string([]rune(strings.Repeat(letter, 10))[:10]); e.String() != want || cap(e.text) > 100 {
			t.Errorf("%q, want %q; %d bytes kept", e.String(), want, cap(e.text))
		}
		if e = newExcerpt(saying{}, 10); e.String() != "" {
			t.Errorf("%q of nothing", e)
		}
		e.add([]byte(strings.Repeat(letter, 100)))
		if want := string([]rune(strings.Repeat(letter, 10))[:10]); e.String() != want {
			t.Errorf("at once: %q, want %q", e.String(), want)
		}
	}
	if newExcerpt(saying{}, 0) != nil {
		t.Error("an excerpt of nothing")
	}
}
