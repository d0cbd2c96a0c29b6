package proxy

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
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
		if a.Header.Get("Retry-After") == "" {
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
			r := newRig(t, rigOptions{fake: playing(sc), config: func(c *Config) {
				budgetOf(time.Hour)(c)
				c.Limits.IdleTimeout = 100 * time.Millisecond
			}})
			r.server.courier.transport.ResponseHeaderTimeout = 200 * time.Millisecond
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

func TestASlowUploadIsNotHeldBack(t *testing.T) {
	r := newRig(t, rigOptions{})
	body, client := io.Pipe()
	got := make(chan answer, 1)
	go func() {
		a, err := r.try(context.Background(), http.MethodPost, "ann", "/v1/listen", body, -1, "Content-Type", "audio/wav")
		if err != nil {
			t.Errorf("upload: %v", err)
		}
		got <- a
	}()
	write := func(b []byte) {
		if _, err := client.Write(b); err != nil {
			t.Errorf("write: %v", err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), hang)
	defer cancel()
	write(wavHeader(4000))
	us, err := r.vendor.UploadsBegun(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	for n := int64(1); n <= 4; n++ { // each second of audio is at the vendor before the next is spoken
		write(make([]byte, 1000*bytesPerMS))
		if _, err := us[0].Until(ctx, func(rec fake.UploadRecord) bool { return rec.Bytes == 44+n*1000*bytesPerMS }); err != nil {
			t.Fatalf("second %d: %v", n, err)
		}
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	if a := <-got; a.charged() != 4000 {
		t.Errorf("charged %d: %s", a.charged(), a.text)
	}
}

func TestAClientThatHangsUpMidUploadCostsNothing(t *testing.T) {
	for name, framing := range map[string]string{
		"by length": fmt.Sprintf("Content-Length: %d\r\n\r\n", 9000*bytesPerMS),
		"in chunks": fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n", 9000*bytesPerMS),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, rigOptions{config: budgetOf(time.Hour)})
			r.restrict("ann")
			conn, err := net.Dial("tcp", r.server.Addr()) //nolint:noctx // closed below
			if err != nil {
				t.Fatal(err)
			}
			_, err = fmt.Fprintf(conn, "POST /v1/listen?%s HTTP/1.1\r\nHost: x\r\nX-Sttgate-User: ann\r\n%s%s", raw16, framing, make([]byte, 2000*bytesPerMS))
			if err != nil {
				t.Fatal(err)
			}
			us, err := r.vendor.UploadsBegun(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := us[0].Until(t.Context(), func(rec fake.UploadRecord) bool { return rec.Bytes > 1000*bytesPerMS }); err != nil {
				t.Fatal(err)
			}
			if err := conn.Close(); err != nil {
				t.Fatal(err)
			}
			if rec := r.uploaded(1)[0]; rec.Complete || rec.Status == 200 {
				t.Errorf("%+v", rec)
			}
			r.settled()
			if used := r.used("ann"); used != 0 || !strings.Contains(r.log.String(), `"result":"client_lost"`) {
				t.Errorf("charged %d ms\n%s", used, r.log)
			}
		})
	}
}

func TestAClientThatHangsUpBehindItsUploadPays(t *testing.T) {
	r := newRig(t, rigOptions{config: budgetOf(time.Hour)})
	r.restrict("ann")
	conn, err := net.Dial("tcp", r.server.Addr()) //nolint:noctx // closed below
	if err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(conn, "POST /v1/listen?%s HTTP/1.1\r\nHost: x\r\nX-Sttgate-User: ann\r\nContent-Length: %d\r\n\r\n%s",
		raw16, 2000*bytesPerMS, make([]byte, 2000*bytesPerMS))
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil { // its end stands behind the whole body
		t.Fatal(err)
	}
	r.uploaded(1)
	r.settled()
	if used := r.used("ann"); used != 2000 {
		t.Errorf("charged %d ms of an upload that was transcribed\n%s", used, r.log)
	}
}

// raw talks HTTP by hand.
func (r *rig) raw(text string) *bufio.Reader {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.server.Addr()) //nolint:noctx // closed by the test's end
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(hang)); err != nil {
		r.t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		r.t.Fatal(err)
	}
	return bufio.NewReader(conn)
}

func TestWhoAsksBeforeSendingIsToldNoWithoutSending(t *testing.T) {
	r := newRig(t, rigOptions{config: budgetOf(time.Millisecond)})
	r.restrict("bob")
	r.upload("bob", raw16, zeros(bytesPerMS), -1).wants(t, 200, "")
	const post = "POST /v1/listen?model=nova-3 HTTP/1.1\r\nHost: x\r\nX-Sttgate-User: %s\r\nContent-Length: 1000000\r\nContent-Type: audio/wav\r\nExpect: 100-continue\r\n\r\n"
	first, err := r.raw(fmt.Sprintf(post, "bob")).ReadString('\n')
	if err != nil || !strings.HasPrefix(first, "HTTP/1.1 429") {
		t.Errorf("restricted: %q, %v", first, err)
	}
	first, err = r.raw(fmt.Sprintf(post, "ann")).ReadString('\n')
	if err != nil || !strings.HasPrefix(first, "HTTP/1.1 100") {
		t.Errorf("free: %q, %v", first, err)
	}
	if n := len(r.vendor.Uploads()); n != 1 {
		t.Errorf("%d more uploads at the vendor", n-1)
	}
}

func TestAnUploadThatIsNotWantedIsAnsweredWhileItsClientStillSends(t *testing.T) {
	r := newRig(t, rigOptions{config: budgetOf(time.Millisecond)})
	r.restrict("bob")
	r.upload("bob", raw16, zeros(bytesPerMS), -1).wants(t, 200, "")
	// A chunked body whose first chunk never becomes whole.
	resp := r.raw("POST /v1/listen?model=nova-3 HTTP/1.1\r\nHost: x\r\nX-Sttgate-User: bob\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\nRIFF")
	first, err := resp.ReadString('\n')
	if err != nil || !strings.HasPrefix(first, "HTTP/1.1 429") {
		t.Fatalf("%q, %v", first, err)
	}
}

func TestUploadsThatAreRefused(t *testing.T) {
	for _, tt := range []struct {
		name, query string
		body        []byte
		chunked     bool
		header      []string
		config      func(*Config)
		status      int
		reason      string
		upstream    bool // the vendor hears of it, and not to its end
	}{
		{name: "compressed", query: raw16, body: make([]byte, 64), header: []string{"Content-Encoding", "gzip"}, status: 415, reason: "unsupported"},
		{name: "no audio", body: []byte("this is no audio, whatever it is called"), status: 415, reason: "unsupported"},
		{name: "JSON under another name", query: "", body: []byte(`{"url":"https://example.com/a.wav"}`), header: []string{"Content-Type", "application/octet-stream"}, status: 415, reason: "unsupported"},
		{name: "JSON of its own kind", query: raw16, body: []byte(`{"url":"https://example.com/a.wav"}`), header: []string{"Content-Type", "application/vnd.x+json"}, status: 415, reason: "unsupported"},
		{name: "callback", query: raw16 + "&callback=https://example.com", body: make([]byte, 64), status: 400, reason: "unsupported"},
		{name: "too many bytes", query: raw16, body: make([]byte, 4096), config: func(c *Config) { c.Limits.UploadBytes = 2048 }, status: 413, reason: "too_large"},
		{name: "too many bytes in chunks", query: raw16, body: make([]byte, 1<<20), chunked: true, config: func(c *Config) { c.Limits.UploadBytes = 500_000 }, status: 413, reason: "too_large", upstream: true},
		{name: "too long", query: raw16, body: make([]byte, 1001*bytesPerMS), config: longest(time.Second), status: 413, reason: "too_large"},
		{name: "too long in chunks", query: raw16, body: make([]byte, 2001*bytesPerMS), chunked: true, config: longest(2 * time.Second), status: 413, reason: "too_large", upstream: true},
		{name: "too long by its header", body: wavHeader(1001), chunked: true, config: longest(time.Second), status: 413, reason: "too_large"},
		{name: "an upgrade", query: raw16, body: make([]byte, 64), header: []string{"Upgrade", "websocket"}, status: 400, reason: "unsupported"},
		{name: "too many streams", query: raw16, body: make([]byte, 64), config: func(c *Config) {
			p := c.Providers["deepgram"]
			p.MaxStreams = 1
			c.Providers["deepgram"] = p
		}, status: 429, reason: "too_many_streams"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, rigOptions{config: func(c *Config) {
				budgetOf(time.Hour)(c)
				if tt.config != nil {
					tt.config(c)
				}
			}})
			r.restrict("ann")
			if tt.reason == "too_many_streams" {
				r.connect("ann", linear16)
			}
			length := int64(len(tt.body))
			if tt.chunked {
				length = -1
			}
			a := r.upload("ann", tt.query, bytes.NewReader(tt.body), length, tt.header...)
			a.wants(t, tt.status, tt.reason)
			for _, member := range []string{"err_code", "err_msg", "request_id", "detail"} {
				if !strings.Contains(a.text, `"`+member+`"`) {
					t.Errorf("no %s in %s", member, a.text)
				}
			}
			for _, u := range r.vendor.Uploads() {
				if rec := u.Record(); rec.Complete || !tt.upstream {
					t.Errorf("the vendor got %+v", rec)
				}
			}
			if tt.reason == "too_many_streams" {
				return
			}
			r.settled()
			if used := r.used("ann"); used != 0 {
				t.Errorf("charged %d ms", used)
			}
		})
	}
}

func longest(d time.Duration) func(*Config) {
	return func(c *Config) { c.Limits.UploadDuration = d }
}

func TestASilentClientIsGivenUp(t *testing.T) {
	r := newRig(t, rigOptions{config: func(c *Config) { c.Limits.IdleTimeout = 50 * time.Millisecond }})
	more := make(chan struct{})
	defer close(more)
	a := r.upload("ann", raw16, stubborn{zeros(1000 * bytesPerMS), more}, -1)
	a.wants(t, 408, "upstream_timeout")
	r.settled()
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

func TestAURLIsRefusedOrBoundedByTheCap(t *testing.T) {
	ask := func(r *rig, user, url string) answer {
		return r.ask(http.MethodPost, user, "/v1/listen", strings.NewReader(`{"url":"`+url+`"}`), -1, "Content-Type", "application/json")
	}
	t.Run("without a cap", func(t *testing.T) {
		r := newRig(t, rigOptions{config: budgetOf(time.Hour)})
		r.restrict("bob")
		a := ask(r, "bob", "https://example.com/a#t=3")
		a.wants(t, 400, "unsupported")
		if !strings.Contains(a.text, "limits.upload_duration") || len(r.vendor.Uploads()) != 0 {
			t.Errorf("%s, %d at the vendor", a.text, len(r.vendor.Uploads()))
		}
		if a := ask(r, "ann", "https://example.com/a#t=3"); a.charged() != 3000 {
			t.Errorf("a user without a budget: %d, %s", a.charged(), a.text)
		}
	})
	t.Run("with a cap", func(t *testing.T) {
		r := newRig(t, rigOptions{config: func(c *Config) {
			budgetOf(10 * time.Minute)(c)
			c.Limits.UploadDuration = 4 * time.Minute
		}})
		r.restrict("bob")
		for n, tt := range []struct {
			url          string
			status       int
			charged, sum int64
		}{
			{"https://example.com/a#t=90", 200, 90_000, 90_000},
			{"https://example.com/b#t=239.5", 200, 239_500, 329_500},
			{"https://example.com/c#t=20", 200, 20_000, 349_500},
			{"https://example.com/d#t=20", 200, 20_000, 369_500},
			{"https://example.com/e#t=1", 429, -1, 369_500}, // less than the cap is left
		} {
			a := ask(r, "bob", tt.url)
			r.settled()
			if used := r.used("bob"); a.StatusCode != tt.status || a.charged() != tt.charged || used != tt.sum {
				t.Fatalf("%d: %d, charged %d, used %d: %s", n, a.StatusCode, a.charged(), used, a.text)
			}
		}
		if rec := r.uploaded(4)[0]; rec.URL != "https://example.com/a#t=90" || rec.ContentLength < 0 {
			t.Errorf("%+v", rec)
		}
	})
	t.Run("no URL", func(t *testing.T) {
		r := newRig(t, rigOptions{})
		r.ask(http.MethodPost, "ann", "/v1/listen", strings.NewReader(`{"text":"x"}`), -1, "Content-Type", "application/json").wants(t, 400, "unsupported")
		r.ask(http.MethodPost, "ann", "/v1/listen", zeros(1<<20+1), -1, "Content-Type", "application/json").wants(t, 413, "too_large")
	})
}

func TestADrainLetsAnUploadFinishAndRefusesTheNext(t *testing.T) {
	r := newRig(t, rigOptions{config: budgetOf(time.Hour)})
	r.restrict("ann")
	body, client := io.Pipe()
	got := make(chan answer, 1)
	go func() {
		a, err := r.try(context.Background(), http.MethodPost, "ann", "/v1/listen?"+raw16, body, -1)
		if err != nil {
			t.Errorf("upload: %v", err)
		}
		got <- a
	}()
	if _, err := client.Write(make([]byte, 500*bytesPerMS)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.vendor.UploadsBegun(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	r.server.Streams.BeginDrain()
	r.upload("ann", raw16, zeros(64), -1).wants(t, 503, "draining")
	down := make(chan struct{})
	go func() {
		defer close(down)
		r.server.Shutdown(context.Background())
	}()
	if _, err := client.Write(make([]byte, 500*bytesPerMS)); err != nil {
		t.Fatal(err)
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	(<-got).wants(t, 200, "")
	<-down
	<-r.done
	if used := r.used("ann"); used != 1000 {
		t.Errorf("charged %d", used)
	}
}

func TestADrainEndsAnUploadBehindTheGrace(t *testing.T) {
	r := newRig(t, rigOptions{config: budgetOf(time.Hour)})
	r.restrict("ann")
	more := make(chan struct{})
	defer close(more)
	got := make(chan answer, 1)
	go func() {
		a, err := r.try(context.Background(), http.MethodPost, "ann", "/v1/listen?"+raw16, stubborn{zeros(500 * bytesPerMS), more}, -1)
		if err != nil {
			t.Errorf("upload: %v", err)
		}
		got <- a
	}()
	if _, err := r.vendor.UploadsBegun(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if n := len(r.server.Streams.List()); n != 1 || r.server.Streams.List()[0].User != "ann" {
		t.Errorf("%d in the registry", n)
	}
	r.stop()
	(<-got).wants(t, 503, "draining")
	if used := r.used("ann"); used != 0 {
		t.Errorf("charged %d", used)
	}
}

func TestAnOperatorMayEndAnUpload(t *testing.T) {
	r := newRig(t, rigOptions{})
	more := make(chan struct{})
	defer close(more)
	got := make(chan answer, 1)
	go func() {
		a, err := r.try(context.Background(), http.MethodPost, "ann", "/v1/listen?"+raw16, stubborn{zeros(500 * bytesPerMS), more}, -1)
		if err != nil {
			t.Errorf("upload: %v", err)
		}
		got <- a
	}()
	if _, err := r.vendor.UploadsBegun(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if !r.server.Streams.End(r.server.Streams.List()[0].ID, Killed()) {
		t.Fatal("there is none")
	}
	(<-got).wants(t, 503, "draining")
	r.settled()
}
