package proxy

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/proxy/fake"
)

// stuck is a store whose refills hang until they are freed, whatever their contexts say: worse than
// any server.
type stuck struct {
	ledger.Store
	asked chan struct{} // gets one for each refill
	free  chan struct{}
}

func (s *stuck) Lease(ctx context.Context, r ledger.Request) (ledger.Grant, error) {
	if r.Spent > 0 {
		s.asked <- struct{}{}
		<-s.free
	}
	return s.Store.Lease(ctx, r)
}

// TestNoFrameWaitsForTheStore lets a refill hang: everything that was bought before is forwarded meanwhile.
func TestNoFrameWaitsForTheStore(t *testing.T) {
	const slice, frame = 5000, 20
	s := &stuck{Store: ledger.NewMemory(time.Now, time.UTC), asked: make(chan struct{}, 8), free: make(chan struct{})}
	r := newRig(t, rigOptions{store: s, config: budgetOf(time.Hour), slice: slice * time.Millisecond})
	c := r.connect("ann", linear16)
	ctx, cancel := context.WithTimeout(t.Context(), hang)
	defer cancel()
	streams, err := r.vendor.Begun(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	free := sync.OnceFunc(func() { close(s.free) })
	defer free()
	const third = slice/frame*2/3 + 1 // frames after which a third of the slice is left: the refill begins
	c.send(third, frame)
	select {
	case <-s.asked:
	case <-ctx.Done():
		t.Fatal("the store is not asked")
	}
	c.send(slice/frame-third, frame)
	if rec, err := streams[0].Until(ctx, func(rec fake.Record) bool { return rec.AudioMS >= slice }); err != nil {
		t.Errorf("%d ms arrived while a refill hangs, %d were bought: %v", rec.AudioMS, slice, err)
	}
	c.send(1, frame) // more than was bought: this one waits
	free()
	if rec, err := streams[0].Until(ctx, func(rec fake.Record) bool { return rec.AudioMS >= slice+frame }); err != nil {
		t.Errorf("%d ms arrived when the refill was answered, want %d: %v", rec.AudioMS, slice+frame, err)
	}
	c.text(`{"type":"CloseStream"}`)
	c.read()
	r.settled()
}
