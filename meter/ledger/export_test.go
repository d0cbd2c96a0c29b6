package ledger

import (
	"context"
	"time"
)

// HoldClock makes a store tell its scripts the time instead of asking the server for it.
func (r *Redis) HoldClock(now func() time.Time) { r.clock = now }

// Abandon ends a store as kill -9 would end its gateway: nothing more is told.
func (r *Redis) Abandon() {
	r.closed.Store(true)
	r.lines.mu.Lock()
	r.lines.closed = true
	close(r.lines.quit)
	r.lines.mu.Unlock()
	r.lines.running.Wait()
	_ = r.db.Close()
}

// Beat shows at once that the gateway lives, and tells what has to be told.
func (r *Redis) Beat() error {
	err := r.lines.show(context.Background())
	r.lines.mend()
	return err
}

// Told says whether the server knows what all lines hold.
func (r *Redis) Told() bool {
	r.lines.mu.Lock()
	defer r.lines.mu.Unlock()
	for _, l := range r.lines.all {
		if l.busy || l.told != l.held || len(l.asks) > 0 {
			return false
		}
	}
	return true
}
