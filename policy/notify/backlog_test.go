package notify

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestABacklogIsWhatASinkHasNotTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := open(t, t.TempDir(), Options{}, &desk{name: "well"}, &desk{name: "ill", answer: func(string) error { return errDown }})
		appendAll(t, box, note("well", "a"), note("ill", "b"), note("ill", "c"))
		synctest.Wait()
		for _, b := range box.Backlogs() {
			if waits := b.Bytes > 0 && b.Oldest.Equal(time.Unix(1, 0)); waits != (b.Sink == "ill") {
				t.Errorf("%+v", b)
			}
		}
		box.Close()
		if b := box.Backlogs(); b != nil {
			t.Errorf("closed: %v", b)
		}
	})
}
