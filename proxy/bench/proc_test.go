//go:build linux

package main

import (
	"os"
	"slices"
	"testing"
)

func TestStatIsReadWhateverTheCommandIsCalled(t *testing.T) {
	const tail = " S 41 40 40 0 -1 4194560 100 0 0 0 17 5 3 1 20 0 9 0 1234 99999 321 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0"
	want := stat{pid: 42, parent: 41, user: 17, sys: 5, rssPages: 321}
	for _, name := range []string{"(nginx)", "(a b)", "(a) S 1 (b)", "())"} {
		got, err := parseStat([]byte("42 " + name + tail))
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, want)
		}
	}
	for _, bad := range []string{"", "42", "42 (x", "42 (x) S 1 2", "x (y)" + tail} {
		if _, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q passed", bad)
		}
	}
}

func TestCPUClockIsTheProcessesOwn(t *testing.T) {
	before, err := usageOf([]int{os.Getpid()})
	if err != nil {
		t.Fatal(err)
	}
	if before.rss <= 0 {
		t.Error("no resident memory")
	}
	n := 0
	for {
		n++
		after, err := usageOf([]int{os.Getpid()})
		if err != nil {
			t.Fatal(err)
		}
		if after.cpu > before.cpu {
			break
		}
		if n > 1_000_000 {
			t.Fatal("the CPU clock stands still")
		}
	}
}

func TestTreeHoldsTheProcessItself(t *testing.T) {
	pids, err := tree(os.Getppid())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(pids, os.Getpid()) {
		t.Errorf("process %d is not below its parent %d: %v", os.Getpid(), os.Getppid(), pids)
	}
}
