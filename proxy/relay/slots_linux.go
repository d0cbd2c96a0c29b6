package relay

import "sync/atomic"

// slots finds a socket by what the kernel reports with its events: a place, and the
// number of its issue. A place is used again, an issue is not (not within 4 billion sockets): an event that was
// reported before its socket was closed finds nothing, never the socket that came after it.
//
// find is for any goroutine; put and drop need the engine's lock.
type slots struct {
	pages  atomic.Pointer[[]*page] // replaced when it grows
	free   []int32
	issued int32
}

type page [256]atomic.Pointer[tcpWire]

func (t *slots) put(w *tcpWire) {
	if len(t.free) == 0 {
		t.grow()
	}
	last := len(t.free) - 1
	w.slot, t.free = t.free[last], t.free[:last]
	t.issued++
	w.issue = t.issued
	t.at(w.slot).Store(w)
}

func (t *slots) grow() {
	var pages []*page
	if p := t.pages.Load(); p != nil {
		pages = append(pages, *p...)
	}
	first := int32(len(pages) * len(page{})) //nolint:gosec // as many as there are descriptors
	pages = append(pages, new(page))
	t.pages.Store(&pages)
	for i := int32(len(page{})) - 1; i >= 0; i-- {
		t.free = append(t.free, first+i)
	}
}

func (t *slots) at(slot int32) *atomic.Pointer[tcpWire] {
	return &(*t.pages.Load())[slot>>8][slot&0xff]
}

func (t *slots) drop(s *sock) {
	t.at(s.slot).Store(nil)
	t.free = append(t.free, s.slot)
}

// find is nil for what is not there any more.
func (t *slots) find(slot, issue int32) *tcpWire {
	w := t.at(slot).Load()
	if w == nil || w.issue != issue {
		return nil
	}
	return w
}
