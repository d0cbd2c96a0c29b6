package proxy

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/proxy/fake"
)

// What a stage does is done at every vendor, in its dialect. For Deepgram: TestAStageThatRefusesLetsNothingInAndEndsWhatRuns,
// TestAPaceSlowsAStreamAndLosesNothing, TestAStageMayAllowFewerStreamsAndWhatRunsGoesOn; for models: TestTheVendorHearsTheStagesModelAndEveryOtherByteAsItWas.

// acting are rules whose stage restrict does something.
func acting(a policy.Actions) rigOptions {
	c := policy.Default()
	c.Stages[policy.Restrict] = policy.StageRules{EnterAfter: 3, Decay: time.Hour, Actions: a}
	return rigOptions{policy: c, slice: time.Second}
}

func restricted() policy.State { return moved(policy.Restrict, policy.ByViolation, time.Now()) }

func TestSonioxAStageThatRefusesEndsWhatRunsAndLetsNothingIn(t *testing.T) {
	r := newSonioxRig(t, acting(policy.Actions{Refuse: true}))
	c := r.stream("ann")
	c.send(10, 20)
	r.heardBy(1, func(rec fake.Record) bool { return rec.AudioMS == 200 })
	r.put("ann", restricted())
	c.send(200, 20) // four seconds: four leases
	texts, closed := c.read()
	wantError(t, texts, 429, "limit_exceeded")
	if closed.Code != 1008 || closed.Text != "stage_restrict" {
		t.Errorf("closed with %d %q", closed.Code, closed.Text)
	}
	next := r.stream("ann")
	texts, closed = next.read()
	wantError(t, texts, 429, "limit_exceeded")
	if closed.Code != 1008 || closed.Text != "stage_restrict" || len(texts) != 1 {
		t.Errorf("the door: closed with %d %q after %v", closed.Code, closed.Text, texts)
	}
	if n := len(r.transcribed(1)); n != 1 {
		t.Errorf("the vendor saw %d streams", n)
	}
}

func TestSpeechmaticsAStageThatRefusesEndsWhatRunsAndLetsNothingIn(t *testing.T) {
	r := newSpeechmaticsRig(t, acting(policy.Actions{Refuse: true}))
	c := r.recognise("ann")
	c.send(10, 20)
	r.put("ann", restricted())
	c.send(200, 20)
	kinds, closed := c.end()
	if len(kinds) == 0 || kinds[len(kinds)-1] != "Error timelimit_exceeded" || closed.Code != 4006 || slices.Contains(kinds, "EndOfTranscript") {
		t.Errorf("%v, closed with %d %q", kinds, closed.Code, closed.Text)
	}
	next := &listener{client: r.connect("ann", speechmaticsPath)}
	if got := next.resp.Header.Get("X-Sttgate-Reason"); got != "stage_restrict" {
		t.Errorf("X-Sttgate-Reason %q", got)
	}
	next.text(speechmaticsStart)
	if kinds, closed := next.end(); !slices.Equal(kinds, []string{"Error timelimit_exceeded"}) || closed.Code != 4006 {
		t.Errorf("the door: %v, closed with %d %q", kinds, closed.Code, closed.Text)
	}
	if n := len(r.heard(1)); n != 1 {
		t.Errorf("%d streams reached the vendor", n)
	}
}

// TestAPaceHoldsAtEveryVendor sends two seconds more than may be ahead, all at once.
func TestAPaceHoldsAtEveryVendor(t *testing.T) {
	t.Parallel()
	const audio = paceBurst + 2*time.Second
	paced := func(t *testing.T, pass func() (heard int64)) {
		t.Helper()
		began := time.Now()
		heard := pass()
		if d := time.Since(began); d < 1900*time.Millisecond {
			t.Errorf("2s beyond the burst have passed after %v", d)
		}
		if heard != audio.Milliseconds() {
			t.Errorf("the vendor heard %d ms", heard)
		}
	}
	frames := int(audio / (20 * time.Millisecond))
	t.Run("soniox", func(t *testing.T) {
		t.Parallel()
		r := newSonioxRig(t, acting(policy.Actions{Pace: 1}))
		r.put("ann", restricted())
		paced(t, func() int64 {
			c := r.stream("ann")
			c.send(frames, 20)
			c.finish()
			c.read()
			return r.transcribed(1)[0].AudioMS
		})
	})
	t.Run("speechmatics", func(t *testing.T) {
		t.Parallel()
		r := newSpeechmaticsRig(t, acting(policy.Actions{Pace: 1}))
		r.put("ann", restricted())
		paced(t, func() int64 {
			c := r.recognise("ann")
			c.send(frames, 20)
			c.finish(frames)
			c.end()
			return r.heard(1)[0].AudioMS
		})
	})
}

func TestAStagesPlacesCountAtEveryVendor(t *testing.T) {
	soniox := newSonioxRig(t, acting(policy.Actions{MaxStreams: 1}))
	soniox.put("ann", restricted())
	first := soniox.stream("ann")
	first.send(10, 20)
	soniox.heardBy(1, func(rec fake.Record) bool { return rec.AudioMS == 200 })
	texts, closed := soniox.stream("ann").read()
	wantError(t, texts, 429, "max_concurrent_connections_reached")
	if closed.Code != 1008 || closed.Text != "too_many_streams" || len(texts) != 1 {
		t.Errorf("soniox: closed with %d %q after %v", closed.Code, closed.Text, texts)
	}
	first.finish()
	first.read()

	sm := newSpeechmaticsRig(t, acting(policy.Actions{MaxStreams: 1}))
	sm.put("ann", restricted())
	running := sm.recognise("ann")
	_, resp, err := sm.dial("ann", speechmaticsPath, nil)
	if err == nil || resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("X-Sttgate-Reason") != "too_many_streams" {
		t.Errorf("speechmatics: %v, %v", resp, err)
	}
	running.finish(0)
	running.end()
}
