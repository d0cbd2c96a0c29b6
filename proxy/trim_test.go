package proxy

import "testing"

func TestMemoryIsGivenBackOnceAfterARush(t *testing.T) {
	var tr trimmer
	for i, step := range []struct {
		begun int
		want  bool
	}{
		{0, false}, {100, false}, {300, false}, // they come
		{300, false}, {300, false}, {300, false}, {300, false}, {300, true}, // five still ticks
		{300, false}, {300, false}, // once
		{301, false}, {301, false}, {301, false}, {301, false}, {301, false}, {301, false}, // one is no rush
		{600, false}, {600, false}, {600, false}, {600, false}, {600, false}, {600, true},
	} {
		if got := tr.tick(step.begun); got != step.want {
			t.Fatalf("tick %d: %v, want %v", i, got, step.want)
		}
	}
}
