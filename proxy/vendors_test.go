package proxy

import (
	"testing"
	"time"
)

func TestVendorHealthIsOfTheNewestHandshakes(t *testing.T) {
	v := newVendors()
	if got := v.Health("deepgram"); got != (VendorHealth{}) {
		t.Errorf("before any: %+v", got)
	}
	at := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for i := range 10 * recent { // of which all but the newest are forgotten
		v.told("deepgram", "timeout", time.Hour, at.Add(time.Duration(i)))
	}
	for i := range recent {
		failure := ""
		if i%4 == 0 {
			failure = "5xx"
		}
		v.told("deepgram", failure, time.Duration(i)*time.Millisecond, at.Add(time.Duration(i)*time.Second))
	}
	want := VendorHealth{At: at.Add((recent - 1) * time.Second), Seen: recent, Failed: recent / 4, Median: 33 * time.Millisecond, P99: 63 * time.Millisecond}
	if got := v.Health("deepgram"); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	v.told("deepgram", "unreachable", 0, at)
	if got := v.Health("deepgram"); got.Failure != "unreachable" || got.Seen != recent {
		t.Errorf("after a failure: %+v", got)
	}
	v.told("soniox", "timeout", time.Second, at)
	if got := v.Health("soniox"); got.Median != 0 || got.Failed != 1 || got.Seen != 1 {
		t.Errorf("where none went well: %+v", got)
	}
}
