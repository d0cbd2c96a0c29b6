package conformance

import (
	"strings"
	"testing"

	"github.com/sttgate/sttgate/config/secret/secrettest"
)

// planted are secrets with a caller token in the form of one.
func planted() secrets {
	s := newSecrets()
	s.callerToken = "eyJhbGciOiJIUzI1NiJ9." + strings.ToUpper(s.clientKey[:20]) + "claims." + s.vendorKey[:20] + "signature0123456789"
	return s
}

func TestTheScanFindsEveryCredentialInEveryForm(t *testing.T) {
	t.Parallel()
	s := planted()
	for name, word := range s.canaries() {
		for form, write := range secrettest.Forms() {
			found := s.find([]surface{{"metrics", []byte("before " + write(word) + " behind")}})
			if len(found) != 1 || found[0] != "metrics: "+name {
				t.Errorf("%s, %s: found %q", name, form, found)
			}
		}
	}
	if n := len(s.canaries()); n != 6 {
		t.Errorf("%d canaries, want four words and a token's two parts", n)
	}
}

func TestTheScanFindsATokenThatItHasNeverSeen(t *testing.T) {
	t.Parallel()
	minted := "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4iLCJleHAiOjF9.c2lnbmF0dXJlMDEyMzQ1Njc4OQ"
	found := planted().find([]surface{{"log", []byte(`{"path":"/v2?jwt=` + minted + `"}`)}})
	if len(found) != 1 || found[0] != "log: a token" {
		t.Errorf("found %q", found)
	}
}

func TestTheScanLetsPassWhatMayBeThere(t *testing.T) {
	t.Parallel()
	s := planted()
	if found := s.find([]surface{{"vendor", []byte("Authorization: Token " + s.vendorKey)}}, "the vendor's key"); len(found) != 0 {
		t.Errorf("the vendor's own key at the vendor: %q", found)
	}
	if found := s.find([]surface{{"log", []byte("an ordinary line of user ann")}}); len(found) != 0 {
		t.Errorf("nothing is there: %q", found)
	}
	if found := s.find([]surface{{"vendor", []byte(s.vendorKey + s.clientKey)}}, "the vendor's key"); len(found) != 1 {
		t.Errorf("another's key at the vendor: %q", found)
	}
}

func TestWhatManyTimesHappensIsSaidOnce(t *testing.T) {
	t.Parallel()
	e := func(words ...string) (all []event) {
		for _, w := range words {
			all = append(all, event{Saw: w})
		}
		return all
	}
	if got := seen(e("open", "Results", "Results", "Error", "Results", "close"), chance{}); got != "open → Results → Error → close" {
		t.Errorf("%s", got)
	}
	if got := counted([]string{"refused", "refused", "stream ok"}); got != "refused ×2, stream ok" {
		t.Errorf("%s", got)
	}
}

func TestResultsThatOvertakeEachOtherAreToldInOneOrder(t *testing.T) {
	t.Parallel()
	notice := event{Saw: "Warning", Reason: "budget daily of user u-dropped is spent"}
	acks, text, end := event{Saw: "AudioAdded"}, event{Saw: "AddTranscript"}, event{Saw: "EndOfTranscript"}
	want := `AudioAdded → AddTranscript → Warning "budget daily of user USER is spent" → EndOfTranscript`
	for _, order := range [][]event{{acks, text, notice, end}, {acks, acks, notice, acks, text, acks, end}, {notice, acks, text, end}} {
		if got := seen(order, chance{late: true}); got != want {
			t.Errorf("%v: told as %s", order, got)
		}
	}
	// Where the stream ends with that word, a result behind it is a fault that has to be seen.
	if got := seen([]event{acks, notice, text}, chance{}); !strings.HasSuffix(got, "→ AddTranscript") {
		t.Errorf("%s", got)
	}
}

func TestEverySDKHasAVersionAndEveryRowAnExpectation(t *testing.T) {
	t.Parallel()
	for _, s := range sdks() {
		if name, version := s.version(t); name == "" || version == "" {
			t.Errorf("%s: %q %q", s.name, name, version)
		}
		for _, sc := range s.scenes {
			if _, ok := s.want[sc.name]; ok != s.knows(sc) {
				t.Errorf("%s, %s: %s: expected %v, played %v", s.name, s.mode, sc.name, ok, s.knows(sc))
			}
		}
	}
}
