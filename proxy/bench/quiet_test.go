//go:build linux

package main

import (
	"testing"
	"time"
)

func TestBusyIsAllButIdleAndWaiting(t *testing.T) {
	got, err := parseBusy([]byte("cpu  1 2 3 1000 500 4 5 6 7 8\ncpu0 1 1 1 1 1 1 1 1 1 1\n"))
	if want := 21 * 10 * time.Millisecond; err != nil || got != want {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	for _, bad := range []string{"", "cpu", "cpu 1 2 3 4 5 6 7 x", "intr 1 2 3 4 5 6 7 8"} {
		if _, err := parseBusy([]byte(bad)); err == nil {
			t.Errorf("%q passed", bad)
		}
	}
}

func TestForeignIsWhatOursDoNotExplain(t *testing.T) {
	at := time.Now()
	a := clock{at: at, busy: 10 * time.Second, ours: 4 * time.Second}
	b := clock{at: at.Add(2 * time.Second), busy: 13 * time.Second, ours: 6 * time.Second}
	if got := foreign(a, b); got != 0.5 {
		t.Errorf("%v cores, want 0.5", got)
	}
	b.busy = 11 * time.Second // ticks of 10 ms round
	if got := foreign(a, b); got != 0 {
		t.Errorf("%v cores, want 0", got)
	}
}
