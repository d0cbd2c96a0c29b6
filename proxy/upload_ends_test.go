package proxy

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sttgate/sttgate/proxy/fake"
)

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

func TestASilentClientIsGivenUp(t *testing.T) {
	r := newRig(t, rigOptions{config: func(c *Config) { c.Limits.IdleTimeout = 50 * time.Millisecond }})
	more := make(chan struct{})
	defer close(more)
	a := r.upload("ann", raw16, stubborn{zeros(1000 * bytesPerMS), more}, -1)
	a.wants(t, 408, "upstream_timeout")
	r.settled()
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
	if r.metric("streams_total", "result", "ended_by_operator") != 1 || r.metric("streams_total", "result", "draining") != 0 {
		t.Error("the metrics take it for something else")
	}
}
