package relay

import "sync"

const (
	// partial is the most that is kept of a frame between two reads: a header (14
	// bytes) or a control frame that is not whole yet (2 + 4 + 125).
	partial = 131
	// headroom stands in front of what is read, so that the kept part can be put
	// there and everything leaves in one write.
	headroom = 144
	// bufferSize includes the headroom: one full buffer then is one TLS record.
	bufferSize = 16 << 10
	// floodSize is for a peer that sends faster than it is read: a system call that
	// moves four times as much costs less than four.
	floodSize = 64 << 10
)

// buffer is what a pump borrows while its socket has bytes.
type buffer [bufferSize]byte

// flood is what it borrows while it has more of them than fit into a buffer.
type flood [floodSize]byte

// The pools are shared by all streams: that an idle stream holds nothing is the
// point of them. They carry no state from one borrower to the next.
var (
	buffers = sync.Pool{New: func() any { return new(buffer) }}                     //nolint:gochecknoglobals // see above
	floods  = sync.Pool{New: func() any { return new(flood) }}                      //nolint:gochecknoglobals // see above
	slabs   = sync.Pool{New: func() any { s := make([]byte, 0, 4<<10); return &s }} //nolint:gochecknoglobals // see above
)

func borrow() *buffer    { return buffers.Get().(*buffer) } //nolint:forcetypeassert // the pool holds nothing else
func giveBack(b *buffer) { buffers.Put(b) }

func borrowFlood() *flood    { return floods.Get().(*flood) } //nolint:forcetypeassert // the pool holds nothing else
func giveBackFlood(f *flood) { floods.Put(f) }

// slab borrows an empty slice for gathered or rewritten text.
func slab() *[]byte { return slabs.Get().(*[]byte) } //nolint:forcetypeassert // the pool holds nothing else

// giveSlab returns a slice, unless it has grown so far that keeping it would
// make one big message cost memory for ever.
func giveSlab(s *[]byte) {
	if cap(*s) > 256<<10 {
		return
	}
	*s = (*s)[:0]
	slabs.Put(s)
}
