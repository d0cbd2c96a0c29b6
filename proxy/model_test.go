package proxy

import (
	"bytes"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/proxy/fake"
)

// remodelling is a policy whose throttle has other models.
func remodelling(change func(*policy.Config)) policy.Config {
	c := policy.Default()
	stages := maps.Clone(c.Stages)
	throttle := stages[policy.Throttle]
	throttle.Actions.MaxStreams = 0
	throttle.Actions.Model = map[string]string{
		"nova-3": "nova-2", "stt-rt-v5": "stt-rt-v4", "stt-async-v3": "stt-async-v2", "enhanced": "standard", "flux-general-en": "flux-general-en", "*": "base",
	}
	stages[policy.Throttle] = throttle
	c.Stages = stages
	if change != nil {
		change(&c)
	}
	return c
}

// opening is a stream's first text, as the vendor has heard it.
func opening(rec fake.Record) string {
	for _, e := range rec.Events {
		if e.Kind == "text" {
			return e.Text
		}
	}
	return ""
}

func TestTheVendorHearsTheStagesModelAndEveryOtherByteAsItWas(t *testing.T) {
	t.Run("Deepgram", func(t *testing.T) {
		t.Parallel()
		var l told
		r := newRig(t, rigOptions{policy: remodelling(nil), sessions: Sessions{Ended: l.add}})
		query := "tag=a%20b&model=nova-3&encoding=linear16&sample_rate=16000&keyterm=x&keyterm=%C3%BC&version=latest&interim_results=true"
		for i, stage := range []policy.Stage{policy.None, policy.Throttle} {
			r.stage("bob", stage)
			c := r.connect("bob", "/v1/listen?"+query)
			c.send(5, 20)
			c.text(`{"type":"CloseStream"}`)
			c.read()
			r.settled()
			want := query
			if stage == policy.Throttle {
				want = strings.Replace(strings.Replace(query, "nova-3", "nova-2", 1), "&version=latest", "", 1)
			}
			if rec := r.heard(i + 1)[i]; rec.Query != want || rec.AudioMS != 100 || opening(rec) != `{"type":"CloseStream"}` {
				t.Errorf("at %s the vendor has heard %s, %d ms, %s", stage, rec.Query, rec.AudioMS, opening(rec))
			}
		}
		for _, msg := range []string{"stream started", "stream ended"} {
			if n := r.linesWith(msg, `"model_asked":"nova-3","model":"nova-2"`); n != 1 {
				t.Errorf("%d lines %q tell of it", n, msg)
			}
		}
		if n := r.metric("models_replaced_total", "shadow", "false"); n != 1 {
			t.Errorf("%v are counted", n)
		}
		if len(l.all) != 2 || l.all[1].Model != "nova-3" {
			t.Errorf("%+v: what was asked for is what says something of the user", l.all)
		}
	})
	t.Run("Deepgram Flux", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, rigOptions{policy: remodelling(nil)})
		r.stage("bob", policy.Throttle)
		c := r.connect("bob", flux)
		c.text(`{"type":"CloseStream"}`)
		c.read()
		if rec := r.heard(1)[0]; "/v2/listen?"+rec.Query != flux {
			t.Errorf("the vendor has heard %s", rec.Query)
		}
	})
	t.Run("Deepgram, a file and a URL", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, rigOptions{policy: remodelling(nil), config: longest(time.Minute)})
		r.stage("bob", policy.Throttle)
		r.upload("bob", "punctuate=true&model=nova-3&"+raw16, zeros(3200), 3200).wants(t, 200, "")
		body := `{"url": "https://example.com/a#t=7"}`
		r.upload("bob", "a=b&model=other", strings.NewReader(body), -1, "Content-Type", "application/json").wants(t, 200, "")
		recs := r.uploaded(2)
		if recs[0].Query != "punctuate=true&model=nova-2&"+raw16 || recs[0].Bytes != 3200 || recs[1].Query != "a=b&model=base" || recs[1].URL != "https://example.com/a#t=7" {
			t.Errorf("the vendor has heard %+v", recs)
		}
		r.settled()
		if n := r.linesWith("upload ended", `"model":"nova-2"`); n != 1 || r.metric("models_replaced_total", "provider", "deepgram") != 2 {
			t.Errorf("%d lines tell of it:\n%s", n, r.log)
		}
	})
	t.Run("Soniox", func(t *testing.T) {
		t.Parallel()
		r := newSonioxRig(t, rigOptions{policy: remodelling(nil)})
		r.stage("bob", policy.Throttle)
		want := strings.Replace(strings.Replace(sonioxStart, "stt-rt-v5", "stt-rt-v4", 1), "their-own", "bob", 1)
		begin := []func() *client{
			func() *client { return r.stream("bob") },
			func() *client { // the key is in the first message: that is read before the user is known
				c := r.connect("", sonioxPath)
				c.text(strings.Replace(sonioxStart, "{", `{"api_key":"`+r.token("bob")+`",`, 1))
				return c
			},
		}
		for i, begin := range begin {
			c := begin()
			c.send(5, 20)
			c.finish()
			c.read()
			if rec := r.transcribed(i + 1)[i]; opening(rec) != want || rec.AudioMS != 100 {
				t.Errorf("the vendor has heard %s, %d ms", opening(rec), rec.AudioMS)
			}
		}
		r.settled()
		for _, msg := range []string{"stream started", "stream ended"} {
			if n := r.linesWith(msg, `"model_asked":"stt-rt-v5","model":"stt-rt-v4"`); n != 2 {
				t.Errorf("%d lines %q tell of it", n, msg)
			}
		}
	})
	t.Run("Soniox, a job", func(t *testing.T) {
		t.Parallel()
		r := newSonioxRig(t, rigOptions{policy: remodelling(nil), config: longest(time.Minute)})
		r.stage("bob", policy.Throttle)
		r.transcribe("bob", `"language_hints":["en"],"client_reference_id":"x","file_id":"`+r.file("bob", 1000)+`"`).wants(t, 201, "")
		r.transcribe("ann", `"audio_url":"https://example.com/a#t=1"`).wants(t, 201, "")
		jobs := r.soniox.Jobs()
		if want := `{"model":"stt-async-v2","language_hints":["en"],"client_reference_id":"bob","file_id":"` + jobs[0].File + `"}`; jobs[0].Body != want || jobs[1].Model != "stt-async-v3" {
			t.Errorf("the vendor has heard %s and %s", jobs[0].Body, jobs[1].Body)
		}
	})
	t.Run("Speechmatics", func(t *testing.T) {
		t.Parallel()
		r := newSpeechmaticsRig(t, rigOptions{policy: remodelling(nil)})
		r.stage("bob", policy.Throttle)
		start := strings.Replace(speechmaticsStart, `{"language":"en"}`, `{"language":"en", "operating_point":"enhanced" ,"model":"enhanced"}`, 1)
		c := &listener{client: r.connect("bob", speechmaticsPath)}
		c.text(start)
		c.wait("RecognitionStarted")
		c.finish(0)
		c.end()
		if rec := r.heard(1)[0]; opening(rec) != strings.ReplaceAll(start, "enhanced", "standard") {
			t.Errorf("the vendor has heard %s", opening(rec))
		}
	})
	t.Run("Speechmatics, a job", func(t *testing.T) {
		t.Parallel()
		r := newSpeechmaticsRig(t, rigOptions{policy: remodelling(nil)})
		r.stage("bob", policy.Throttle)
		config := `{"type":"transcription","tracking":{"reference":"x"},"transcription_config":{"language":"en","operating_point":"enhanced"}}`
		for _, last := range []bool{false, true} {
			body, ct := jobForm(t, last, config, wavOf(500))
			r.ask(http.MethodPost, "bob", "/v2/jobs", bytes.NewReader(body), int64(len(body)), "Content-Type", ct).wants(t, 201, "")
		}
		for _, job := range r.speechmatics.Jobs() {
			if job.Body != strings.Replace(config, "enhanced", "standard", 1) || job.AudioMS != 500 {
				t.Errorf("the vendor has heard %s, %d ms", job.Body, job.AudioMS)
			}
		}
	})
}

func TestAModelThatNobodyIsToFeelIsCountedAndTold(t *testing.T) {
	for name, lift := range map[string]func(*policy.Config){
		"kill switch": func(c *policy.Config) { c.KillSwitch = true },
		"disabled":    func(c *policy.Config) { c.Enabled = false },
		"exempt user": func(c *policy.Config) { c.ExemptUsers = []string{"bob"} },
		"shadow":      func(c *policy.Config) { c.Shadow = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newSonioxRig(t, rigOptions{policy: remodelling(lift)})
			r.put("bob", moved(policy.Throttle, policy.ByViolation, time.Now()))
			c := r.connect("bob", linear16)
			c.text(`{"type":"CloseStream"}`)
			c.read()
			s := r.stream("bob")
			s.finish()
			s.read()
			if deepgram, soniox := r.rig.heard(1)[0], r.transcribed(1)[0]; "/v1/listen?"+deepgram.Query != linear16 || opening(soniox) != strings.Replace(sonioxStart, "their-own", "bob", 1) {
				t.Errorf("the vendors have heard %s and %s", deepgram.Query, opening(soniox))
			}
			r.settled()
			for _, want := range []string{`"model_asked":"nova-3","model_would":"nova-2"`, `"model_asked":"stt-rt-v5","model_would":"stt-rt-v4"`} {
				if r.linesWith("stream ended", want) != 1 {
					t.Errorf("no line has %s:\n%s", want, r.log)
				}
			}
			if felt, would := r.metric("models_replaced_total", "shadow", "false"), r.metric("models_replaced_total", "shadow", "true"); felt != 0 || would != 2 {
				t.Errorf("%v are felt, %v would be", felt, would)
			}
		})
	}
}

func TestAStageThatComesLaterLeavesTheModelOfARunningStream(t *testing.T) {
	r := newSpeechmaticsRig(t, rigOptions{policy: remodelling(nil)})
	first := &listener{client: r.connect("bob", speechmaticsPath)}
	start := strings.Replace(speechmaticsStart, `{"language":"en"}`, `{"language":"en","model":"enhanced"}`, 1)
	first.text(start)
	first.wait("RecognitionStarted")
	r.stage("bob", policy.Throttle)
	for i, want := range []string{"enhanced", "standard"} {
		c := first
		if i > 0 {
			c = &listener{client: r.connect("bob", speechmaticsPath)}
			c.text(start)
			c.wait("RecognitionStarted")
		}
		c.finish(0)
		c.end()
		if rec := r.heard(i + 1)[i]; !strings.Contains(opening(rec), want) {
			t.Errorf("the vendor has heard %s", opening(rec))
		}
	}
}

// linesWith counts log lines with a message that hold something.
func (r *rig) linesWith(msg, what string) (n int) {
	for line := range strings.Lines(r.log.String()) {
		if strings.Contains(line, `"msg":"`+msg+`"`) && strings.Contains(line, what) {
			n++
		}
	}
	return n
}
