package ledger_test

import (
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
)

// spoken is how much a user has said within two days, and forwarded.
func spoken(t *testing.T, s ledger.Ledger) (speech, audio int64) {
	t.Helper()
	u, err := s.Usage(t.Context(), ledger.Query{User: "u", Windows: []time.Duration{48 * time.Hour}})
	if err != nil || len(u.Speech) != 1 {
		t.Fatalf("%+v, %v", u, err)
	}
	return u.Speech[0], u.Audio[0]
}

func wantSpoken(t *testing.T, s ledger.Ledger, speech int64) {
	t.Helper()
	if n, _ := spoken(t, s); n != speech {
		t.Fatalf("%d ms of speech, want %d", n, speech)
	}
}

func TestAnAccountReportsSpeechWithItsLeasesAndItsEnd(t *testing.T) {
	bubble("and never less than before", t, func(t *testing.T) {
		a, b := purse(t, ledger.Opening{Plan: always(daily(1 << 40)), Slice: 5000})
		a.Heard(0)
		if err := spend(t, a, 20, 1000); err != nil {
			t.Fatal(err)
		}
		a.Heard(700)
		a.Heard(600) // a word of the ticker's that is late
		a.Ask(20)
		if err := a.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantSpoken(t, b, 700)
		a.Heard(900)
		closeAccount(t, a)
		a.Heard(5000)
		closeAccount(t, a)
		if n, audio := spoken(t, b); n != 900 || audio != 1000 {
			t.Fatalf("%d ms of speech in %d of audio", n, audio)
		}
	})
}

func TestSpeechOfAnOutageIsReportedAfterwards(t *testing.T) {
	d := newDark(t, outage(3*time.Second, 8*time.Second))
	goes, err := d.stream("goes on", daily(60_000))
	if err != nil {
		t.Fatal(err)
	}
	ends, err := d.stream("ends in the dark", daily(60_000))
	if err != nil {
		t.Fatal(err)
	}
	d.b.set(errDown, nil, nil)
	goes.Heard(1000)
	burn(t, goes, ledger.ErrOutage)
	goes.Heard(2000)
	burn(t, ends, ledger.ErrOutage)
	ends.Heard(1500)
	d.quiet(ends)
	dies, err := d.stream("dies", daily(60_000))
	if err != nil {
		t.Fatal(err)
	}
	dies.Heard(400)
	burn(t, dies, ledger.ErrOutage) // what had been heard at its last loan is in the journal
	d.b.set(nil, nil, nil)
	closeAccount(t, goes)
	total := goes.Spent() + ends.Spent()
	d.settled(total, daily(0))
	wantSpoken(t, d.b.Store, 2000+1500)
	d.die()
	d.open()
	d.settled(total+dies.Spent(), daily(0))
	wantSpoken(t, d.b.Store, 2000+1500+400)
}

// hears leases and reports speech.
func (s *server) hears(stream string, spent, speech int64) {
	s.t.Helper()
	if _, err := s.Lease(s.t.Context(), ledger.Request{User: "u", Stream: stream, Ceiling: spent + 1000, Spent: spent, Speech: speech}); err != nil {
		s.t.Fatal(err)
	}
}

func TestSpeechIsToldAgainAfterDataLoss(t *testing.T) {
	s := serveRedis(t)
	s.hears("a", 2000, 1500)
	s.hears("b", 1000, 800)
	s.Do("FLUSHALL")
	s.hears("a", 3000, 2500)
	wantSpoken(t, s, 2500)
	if _, err := s.Settle(t.Context(), ledger.Request{User: "u", Stream: "b", Spent: 1000, Speech: 900}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Settle(t.Context(), ledger.Request{User: "u", Stream: "a", Spent: 3000, Speech: 2500}); err != nil {
		t.Fatal(err)
	}
	wantSpoken(t, s, 2500+900)
}

func TestSpeechOfAGatewayThatDiedIsWhatItToldLast(t *testing.T) {
	s := serveRedis(t)
	clock := ledgertest.NewClock(time.Now())
	s.HoldClock(clock.Now)
	for _, id := range []string{"dead", "cut off", "ends without asking"} {
		s.hears(id, 2000, 1500)
	}
	clock.Add(26 * time.Hour)
	s.hears("x", 0, 0)
	if n, audio := spoken(t, s); n != 4500 || audio != 9000 {
		t.Fatalf("%d ms of speech in %d of audio", n, audio)
	}
	s.hears("cut off", 4000, 3500) // 2000 more
	if _, err := s.Settle(t.Context(), ledger.Request{User: "u", Stream: "ends without asking", Spent: 2500, Speech: 2400}); err != nil {
		t.Fatal(err) // 900 more, in audio that it had been charged already
	}
	wantSpoken(t, s, 4500+2000+900)
}

// TestRecordsOnAServerOfTheLastVersionReadAsWithoutSpeech writes a stream and a mark as the
// version before speech did.
func TestRecordsOnAServerOfTheLastVersionReadAsWithoutSpeech(t *testing.T) {
	s := serveRedis(t)
	write := `redis.call('SET', KEYS[1], cmsgpack.pack({u='u', s=2000, c=7000, p=7000, o=7000, n=0, k=0, q='', g={}, h={}}))
redis.call('SET', KEYS[2], cmsgpack.pack({final=false, charged=5000, g={}}))`
	s.Do("EVAL", write, 2, "f:{user:u}:stream:old", "f:{user:u}:settled:given-up")
	wantSpoken(t, s, 0)
	s.hears("old", 3000, 0)
	wantSpoken(t, s, 0)
	s.hears("old", 4000, 250)
	s.hears("given-up", 6000, 30)
	wantSpoken(t, s, 280)
}
