package ledger

import (
	"sync"
	"time"
)

// openStreams is what this process knows of its running streams, so that a server which has lost
// its data is told again: since when each budget has applied. It is for concurrent use.
type openStreams struct {
	mu    sync.Mutex
	all   map[string]openStream
	purge int // how many there may be before those that nobody settled are looked for
}

type openStream struct {
	holds map[string][]base // by the owner's tag; an owner that was asked has an entry
	seen  time.Time
}

// staleAfter is later than the server gives a stream up.
const staleAfter = 26 * time.Hour

func (o *openStreams) of(stream string) map[string][]base {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all[stream].holds
}

// remember keeps the newest answer's holds. They are never changed in place.
func (o *openStreams) remember(stream string, holds map[string][]base, at time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all == nil {
		o.all, o.purge = map[string]openStream{}, 1024
	}
	o.all[stream] = openStream{holds, at}
	if len(o.all) <= o.purge {
		return
	}
	for id, s := range o.all {
		if at.Sub(s.seen) > staleAfter {
			delete(o.all, id)
		}
	}
	o.purge = 2 * max(len(o.all), 512)
}

func (o *openStreams) forget(stream string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.all, stream)
}
