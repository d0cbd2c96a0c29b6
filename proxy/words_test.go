package proxy

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
)

// said is what a user's streams and uploads have told: of audio, and of speech.
func (r *rig) said(user string) (audio, speech int64) {
	r.t.Helper()
	u, err := r.store.Usage(r.t.Context(), ledger.Query{User: user, Windows: []time.Duration{time.Hour}})
	if err != nil {
		r.t.Fatal(err)
	}
	return u.Audio[0], u.Speech[0]
}

func (r *rig) wantSaid(user string, audio, speech int64) {
	r.t.Helper()
	if a, s := r.said(user); a != audio || s != speech {
		r.t.Errorf("%d ms of speech in %d of audio, want %d in %d\n%s", s, a, speech, audio, r.log)
	}
}

// words is the policy under which words are what counts.
func words() policy.Config { return policy.Config{Basis: policy.BasisWords} }

// The fakes say three words a second of audio, which last as long as it does; a part of a second at
// the end is the last result's.
func TestSpeechIsWhatTheVendorsWordsLast(t *testing.T) {
	t.Run("Deepgram", func(t *testing.T) {
		for path, rules := range map[string]policy.Config{linear16: words(), flux: words(), linear16 + "&tag=x": {}} {
			r := newRig(t, rigOptions{policy: rules})
			c := r.connect("alice", path)
			c.send(100, 20)
			c.text(`{"type":"CloseStream"}`)
			c.read()
			r.settled()
			want := int64(2000)
			if rules.Basis == "" {
				want = 0
			}
			r.wantSaid("alice", 2000, want)
			if told := strings.Contains(r.log.String(), `"speech_ms":2000`); told != (rules.Basis != "") {
				t.Errorf("%s", r.log)
			}
		}
	})
	t.Run("Deepgram, what was dropped is none", func(t *testing.T) {
		r := newRig(t, rigOptions{policy: words(), config: budgetOf(4 * time.Second)})
		r.restrict("bob")
		c := r.connect("bob", linear16)
		c.send(300, 20)
		c.until("Error")
		c.text(`{"type":"CloseStream"}`)
		c.read()
		r.settled()
		r.wantSaid("bob", 4000, 4000)
	})
	t.Run("Soniox", func(t *testing.T) {
		r := newSonioxRig(t, rigOptions{policy: words()})
		c := r.stream("alice")
		c.send(100, 20)
		c.text("")
		c.read()
		r.settled()
		if audio, speech := r.said("alice"); speech != 2000 || audio < 2000 { // the wall clock may cost more
			t.Errorf("%d ms of speech in %d of audio", speech, audio)
		}
	})
	t.Run("Speechmatics", func(t *testing.T) {
		r := newSpeechmaticsRig(t, rigOptions{policy: words()})
		c := r.recognise("alice")
		c.send(100, 20)
		c.text(`{"message":"EndOfStream","last_seq_no":100}`)
		for {
			if _, err := c.next(); err != nil {
				break
			}
		}
		r.settled()
		r.wantSaid("alice", 2000, 2000)
	})
}

// TestSpeechOfARunningStreamIsReportedWithItsLeases wants a store to know of words before the end.
func TestSpeechOfARunningStreamIsReportedWithItsLeases(t *testing.T) {
	r := newRig(t, rigOptions{policy: words(), slice: time.Second})
	c := r.connect("alice", linear16)
	guard, cancel := context.WithTimeout(t.Context(), hang)
	defer cancel()
	for speech := int64(0); speech == 0; _, speech = r.said("alice") { // a tick tells the account, and a lease the store
		if guard.Err() != nil {
			t.Fatal("no word has come to the ledger")
		}
		c.send(5, 20)
		<-time.After(20 * time.Millisecond)
	}
	c.text(`{"type":"CloseStream"}`)
	c.read()
	r.settled()
	if audio, speech := r.said("alice"); audio != speech {
		t.Errorf("%d ms of speech in %d of audio", speech, audio)
	}
}

func TestSpeechOfAnUploadIsThatOfItsAnswer(t *testing.T) {
	for basis, want := range map[string]int64{policy.BasisWords: 500, policy.BasisAudio: 0} { // the fake says one word
		r := newRig(t, rigOptions{policy: policy.Config{Basis: basis}})
		wav := wavOf(3000)
		r.upload("alice", "", bytes.NewReader([]byte(wav)), int64(len(wav)), "Content-Type", "audio/wav").wants(t, 200, "")
		r.wantSaid("alice", 3000, want)
	}
}

// TestSpeechOfAJobIsItsAudioWhereItsWordsAreNotSeen reads prices, which come without words.
func TestSpeechOfAJobIsItsAudioWhereItsWordsAreNotSeen(t *testing.T) {
	r := newSonioxRig(t, rigOptions{policy: words()})
	a := r.transcribe("alice", `"file_id":"`+r.file("alice", 3000)+`"`)
	a.wants(t, 201, "")
	r.wantSaid("alice", 0, 0)
	for range 3 {
		r.get("alice", "/v1/transcriptions/"+a.member(t, "id")).wants(t, 200, "")
	}
	r.wantSaid("alice", 3000, 3000)

	s := newSpeechmaticsRig(t, rigOptions{policy: words()})
	body, ct := jobForm(t, true, batchConfig, wavOf(2500))
	a = s.ask(http.MethodPost, "alice", "/v2/jobs", bytes.NewReader(body), int64(len(body)), "Content-Type", ct)
	a.wants(t, 201, "")
	for range 3 {
		s.get("alice", "/v2/jobs/"+a.member(t, "id")).wants(t, 200, "")
	}
	s.wantSaid("alice", 2500, 2500)
}
