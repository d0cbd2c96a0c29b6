package proxy

import (
	"net/http"
	"testing"
	"time"
)

func TestAnUnrestrictedStreamPassesWholeAndReportsToTheVendor(t *testing.T) {
	r := newRig(t, rigOptions{})
	c := r.connect("alice", linear16)
	c.send(100, 20)
	c.text(`{"type":"CloseStream"}`)
	texts, closed := c.read()
	if closed.Code != 1000 {
		t.Errorf("closed with %d %s, want the vendor's 1000", closed.Code, closed.Text)
	}
	if last := texts[len(texts)-1]; last["type"] != "Metadata" || last["duration"] != 2.0 {
		t.Errorf("last message %v, want Metadata of 2 s", last)
	}
	rec := r.heard(1)[0]
	if rec.AudioMS != 2000 || rec.Credential != vendorKey {
		t.Errorf("vendor heard %d ms with credential %q", rec.AudioMS, rec.Credential)
	}
	for name := range rec.Header {
		if name == "X-Sttgate-User" || name == "Sec-Websocket-Extensions" {
			t.Errorf("%s reached the vendor", name)
		}
	}
}

func TestARestrictedStreamForwardsItsBudgetToTheFrameAndDropsTheRest(t *testing.T) {
	r := newRig(t, rigOptions{config: budgetOf(4 * time.Second)})
	r.restrict("bob")
	c := r.connect("bob", linear16)
	if got := c.resp.Header.Get("RateLimit-Policy"); got != `"daily";q=4;qu="audio-seconds";w=86400` {
		t.Errorf("RateLimit-Policy: %s", got)
	}
	c.send(300, 20)
	if e := c.until("Error"); e["err_msg"] == "" {
		t.Errorf("notice %v has no text", e)
	}
	c.text(`{"type":"CloseStream"}`)
	if _, closed := c.read(); closed.Code != 1000 {
		t.Errorf("closed with %d %s", closed.Code, closed.Text)
	}
	if rec := r.heard(1)[0]; rec.AudioMS != 4000 {
		t.Errorf("vendor heard %d ms, want the budget of 4000", rec.AudioMS)
	}
	r.settled()
	if used := r.used("bob"); used != 4000 {
		t.Errorf("charged %d ms, want 4000", used)
	}

	_, resp, err := r.dial("bob", linear16, nil)
	if err == nil {
		t.Fatal("a spent budget let a second stream in")
	}
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("X-Sttgate-Reason") != "budget_exhausted" || resp.Header.Get("Retry-After") == "" {
		t.Errorf("refused with %d %v", resp.StatusCode, resp.Header)
	}
}

func TestFluxEndsPolitelyWhenItsBudgetDoes(t *testing.T) {
	r := newRig(t, rigOptions{config: budgetOf(2 * time.Second)})
	r.restrict("bob")
	c := r.connect("bob", flux)
	c.send(150, 20)
	texts, closed := c.read()
	if closed.Code != 1008 || closed.Text != "budget_exhausted" {
		t.Errorf("closed with %d %s", closed.Code, closed.Text)
	}
	last := texts[len(texts)-1]
	if last["type"] != "Error" {
		t.Errorf("last message %v, want the one Error", last)
	}
	for i, m := range texts {
		if int(m["sequence_id"].(float64)) != i {
			t.Errorf("message %d has sequence_id %v", i, m["sequence_id"])
		}
	}
	rec := r.heard(1)[0]
	if rec.AudioMS != 2000 || rec.KeepAlives != 0 {
		t.Errorf("vendor heard %d ms and %d KeepAlives", rec.AudioMS, rec.KeepAlives)
	}
}
