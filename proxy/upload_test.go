package proxy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/proxy/fake"
)

func TestAnUploadArrivesByteForByteAndCostsItsAudio(t *testing.T) {
	const uploads = 200
	stores(t, func(t *testing.T, store ledger.Store) {
		r := newRig(t, rigOptions{store: store, config: budgetOf(24 * time.Hour), slice: time.Second})
		r.restrict("ann")
		var sent, want int64
		sums := map[string]bool{}
		for seed := range uint64(uploads) {
			rnd := rand.New(rand.NewPCG(seed, 7)) //nolint:gosec // repeatable on purpose
			b := make([]byte, 1+rnd.IntN(1<<rnd.IntN(20)))
			for i := range b {
				b[i] = byte(rnd.Uint32())
			}
			b[0] = 0x80 // no magic of a container
			length := int64(len(b))
			if seed%2 == 0 {
				length = -1
			}
			a := r.upload("ann", raw16, &pieces{b, func() int { return rnd.IntN(9000) }}, length, "Content-Type", "audio/x-anything")
			ms := (int64(len(b)) + bytesPerMS - 1) / bytesPerMS
			if a.wants(t, 200, ""); a.charged() != ms || !strings.Contains(a.text, fmt.Sprintf("heard %d bytes", len(b))) {
				t.Fatalf("upload %d of %d bytes: charged %d, %s", seed, len(b), a.charged(), a.text)
			}
			sum := sha256.Sum256(b)
			sums[hex.EncodeToString(sum[:])] = true
			sent, want = sent+int64(len(b)), want+ms
		}
		var heard int64
		for i, rec := range r.uploaded(uploads) {
			heard += rec.Bytes
			delete(sums, rec.SHA256)
			if chunked := i%2 == 0; (rec.ContentLength < 0) != chunked || rec.Header.Get("Accept-Encoding") != "identity" ||
				rec.Header.Get("Authorization") != "Token "+vendorKey || rec.Header.Get("Content-Type") != "audio/x-anything" || rec.Header.Get("X-Sttgate-User") != "" {
				t.Fatalf("upload %d: length %d, %v", i, rec.ContentLength, rec.Header)
			}
		}
		if heard != sent || len(sums) > 0 {
			t.Errorf("%d bytes arrived of %d, %d bodies changed on the way", heard, sent, len(sums))
		}
		if used := r.used("ann"); used != want {
			t.Errorf("charged %d ms, want %d", used, want)
		}
	})
}

func TestAnAnswerTellsWhereItsBudgetStands(t *testing.T) {
	r := newRig(t, rigOptions{config: budgetOf(time.Minute)})
	r.restrict("ann")
	a := r.upload("ann", "", bytes.NewReader(joined(wavHeader(2500), make([]byte, 2500*bytesPerMS))), -1, "Content-Type", "audio/wav", "X-Request-ID", "mine")
	a.wants(t, 200, "")
	for name, want := range map[string]string{
		"X-Sttgate-Charged-Ms": "2500", "X-Request-Id": "mine", "Content-Type": "application/json",
		"Ratelimit-Policy": `"daily";q=60;qu="audio-seconds";w=86400`, "Access-Control-Allow-Origin": "",
	} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if !strings.HasPrefix(a.Header.Get("Ratelimit"), `"daily";r=57;t=`) || len(a.Header.Get("Dg-Request-Id")) != 36 {
		t.Errorf("%v", a.Header)
	}
	r.settled()
	if r.lines("upload started") != 1 || r.lines("upload ended") != 1 || !strings.Contains(r.log.String(), `"charged_ms":2500`) {
		t.Errorf("log:\n%s", r.log)
	}
}

func TestALongWAVIsRefusedBeforeTheVendorHearsOfIt(t *testing.T) {
	for _, chunked := range []bool{false, true} {
		t.Run(fmt.Sprint("chunked ", chunked), func(t *testing.T) {
			r := newRig(t, rigOptions{config: budgetOf(20 * time.Minute)})
			r.restrict("bob")
			length := int64(44 + 30*60*1000*bytesPerMS)
			if chunked {
				length = -1
			}
			more := make(chan struct{})
			defer close(more)
			a := r.upload("bob", "model=nova-3", stubborn{bytes.NewReader(wavHeader(30 * 60 * 1000)), more}, length, "Content-Type", "audio/wav")
			a.wants(t, 429, "budget_exhausted")
			if !strings.Contains(a.text, "20m0s are left") || !strings.Contains(a.text, "needs 30m0s") || !strings.HasPrefix(a.Header.Get("Ratelimit"), `"daily";r=1200;`) {
				t.Errorf("%v %s", a.Header, a.text)
			}
			if n := len(r.vendor.Uploads()); n != 0 {
				t.Errorf("%d uploads at the vendor", n)
			}
			r.settled()
			if used := r.used("bob"); used != 0 {
				t.Errorf("charged %d ms", used)
			}
		})
	}
}

func TestADeclaredRawUploadIsRefusedFromItsHeaders(t *testing.T) {
	r := newRig(t, rigOptions{config: budgetOf(time.Minute)})
	r.restrict("bob")
	more := make(chan struct{})
	defer close(more)
	r.upload("bob", raw16, stubborn{strings.NewReader(""), more}, 61_000*bytesPerMS).wants(t, 429, "budget_exhausted")
	if n := len(r.vendor.Uploads()); n != 0 {
		t.Errorf("%d uploads at the vendor", n)
	}
}

func TestAnUploadOfUnknownLengthStopsAtItsBudget(t *testing.T) {
	const budget = 10_000
	stores(t, func(t *testing.T, store ledger.Store) {
		r := newRig(t, rigOptions{store: store, config: budgetOf(budget * time.Millisecond)})
		r.restrict("bob")
		a := r.upload("bob", raw16, zeros(60_000*bytesPerMS), -1)
		a.wants(t, 429, "budget_exhausted")
		// SDKs sleep on a Retry-After, for a minute at most; this budget is not back by then.
		if a.Header.Get("Retry-After") != "" || a.Header.Get("RateLimit") == "" {
			t.Errorf("%v", a.Header)
		}
		rec := r.uploaded(1)[0]
		if rec.Complete || rec.Bytes > budget*bytesPerMS {
			t.Errorf("the vendor got %d ms of audio, complete %v", rec.Bytes/bytesPerMS, rec.Complete)
		}
		r.settled()
		if used := r.used("bob"); used != 0 {
			t.Errorf("charged %d ms for an upload that never was", used)
		}
		r.upload("bob", raw16, zeros(budget*bytesPerMS), -1).wants(t, 200, "")
		r.upload("bob", raw16, zeros(bytesPerMS), -1).wants(t, 429, "budget_exhausted")
		if used := r.used("bob"); used != budget {
			t.Errorf("charged %d ms", used)
		}
	})
}

func TestSixteenUploadsOfOneUserSpendOneBudget(t *testing.T) {
	const budget = 60_000
	r := newRig(t, rigOptions{config: budgetOf(budget * time.Millisecond), slice: time.Second})
	r.restrict("bob")
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for {
				a, err := r.try(context.Background(), http.MethodPost, "bob", "/v1/listen?"+raw16, zeros(1500*bytesPerMS), -1)
				if err != nil || a.StatusCode != 200 {
					return
				}
			}
		})
	}
	all.Wait()
	r.settled()
	var heard int64
	for _, u := range r.vendor.Uploads() {
		if rec := u.Record(); rec.Status == 200 {
			heard += rec.AudioMS
		}
	}
	if used := r.used("bob"); used != heard || used > budget {
		t.Errorf("charged %d ms, transcribed %d of %d", used, heard, budget)
	}
}

func TestAVendorThatRefusesOrFailsCostsNothing(t *testing.T) {
	for sc, status := range map[fake.Scenario]int{
		fake.Refuse400: 400, fake.Refuse401: 401, fake.Refuse402: 402, fake.Refuse403: 403, fake.Refuse429: 429,
		fake.Refuse500: 500, fake.Refuse503: 503, fake.BigError: 400, fake.Redirect: 502, fake.Reset: 502, fake.Hang: 504, fake.Deaf: 504,
	} {
		t.Run(string(sc), func(t *testing.T) {
			r := newRig(t, rigOptions{fake: playing(sc), config: budgetOf(time.Hour)})
			r.hurry(sc)
			r.restrict("ann")
			a := r.upload("ann", raw16, zeros(200_000*bytesPerMS), -1)
			if a.StatusCode != status {
				t.Fatalf("answered %d: %s\n%s", a.StatusCode, a.text, r.log)
			}
			if own := status != 502 && status != 504; own != (a.Header.Get("X-Sttgate-Reason") == "") || own && a.Header.Get("Dg-Request-Id") == "" {
				t.Errorf("%v", a.Header)
			}
			if sc == fake.Refuse429 && a.Header.Get("Retry-After") != "7" {
				t.Errorf("%v", a.Header)
			}
			r.settled()
			if used := r.used("ann"); used != 0 {
				t.Errorf("charged %d ms", used)
			}
		})
	}
}

func TestAVendorThatIsNotThereIsABadGateway(t *testing.T) {
	r := newRig(t, rigOptions{config: func(c *Config) {
		budgetOf(time.Hour)(c)
		vendorAt("http://127.0.0.1:1")(c)
	}})
	r.restrict("ann")
	r.upload("ann", raw16, zeros(5000*bytesPerMS), -1).wants(t, 502, "upstream_unreachable")
	r.settled()
	if used := r.used("ann"); used != 0 {
		t.Errorf("charged %d ms", used)
	}
}

func TestChannelsThatAreBilledApartArePaidApart(t *testing.T) {
	r := newRig(t, rigOptions{config: budgetOf(time.Hour)})
	r.restrict("ann")
	stereo := wavHeader(1000)
	stereo[22], stereo[29], stereo[32] = 2, 0xfa, 4 // 2 channels, 64 000 bytes a second
	body := joined(stereo, make([]byte, 1000*bytesPerMS))
	if a := r.upload("ann", "", bytes.NewReader(body), -1); a.charged() != 500 {
		t.Errorf("one transcript of two channels: charged %d", a.charged())
	}
	if a := r.upload("ann", "multichannel=true", bytes.NewReader(body), -1); a.charged() != 1000 {
		t.Errorf("two transcripts: charged %d", a.charged())
	}
	if a := r.upload("ann", raw16+"&channels=2&multichannel=true", zeros(1000*bytesPerMS), -1); a.charged() != 1000 {
		t.Errorf("two transcripts of raw audio: charged %d", a.charged())
	}
}

func TestAContainerUnderADeclarationCostsTheLarger(t *testing.T) {
	r := newRig(t, rigOptions{config: budgetOf(time.Hour)})
	r.restrict("ann")
	body := joined(wavHeader(4000), make([]byte, 4000*bytesPerMS))
	if a := r.upload("ann", "encoding=linear16&sample_rate=192000", bytes.NewReader(body), int64(len(body))); a.charged() != 4000 {
		t.Errorf("a WAV that calls itself raw at 192 kHz: charged %d", a.charged())
	}
}

func TestAnUploadMayBeChargedTheVendorsFigure(t *testing.T) {
	r := newRig(t, rigOptions{config: func(c *Config) {
		budgetOf(time.Hour)(c)
		p := c.Providers["deepgram"]
		p.Charge = ChargeReported
		c.Providers["deepgram"] = p
	}})
	r.restrict("ann")
	// The fake reads a plain header only: behind another chunk it hears nothing.
	odd := joined(wavHeader(1000)[:36], []byte("LIST\x04\x00\x00\x00abcd"), wavHeader(1000)[36:], make([]byte, 1000*bytesPerMS))
	if a := r.upload("ann", "", bytes.NewReader(odd), -1); a.StatusCode != 200 || a.charged() != 0 {
		t.Errorf("charged %d of a file in which the vendor found nothing: %s", a.charged(), a.text)
	}
	if a := r.upload("ann", raw16, zeros(1000*bytesPerMS+16), -1); a.charged() != 1001 {
		t.Errorf("charged %d of 1000.5 ms", a.charged())
	}
	a := r.ask(http.MethodPost, "ann", "/v1/listen?multichannel=true", strings.NewReader(`{"url":"https://example.com/a#t=3"}`), -1, "Content-Type", "application/json")
	a.wants(t, 400, "unsupported")
}
