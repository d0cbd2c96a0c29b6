package relay

import (
	"net"
	"time"
)

// portableWire works on any net.Conn. It holds its buffer while it waits.
type portableWire struct {
	conn net.Conn
	slow patience
}

var _ wire = (*portableWire)(nil)

func (w *portableWire) drain(t taker) error {
	b := borrow()
	defer giveBack(b)
	for {
		n, err := w.conn.Read(b[headroom:])
		if n > 0 {
			if terr := t.take(b[:], n); terr != nil {
				return terr // a sticky err comes again with the next drain
			}
		}
		if err != nil {
			return err
		}
	}
}

func (w *portableWire) write(p []byte) error { return w.slow.write(p) }

// try takes nothing: an ordinary Write cannot promise not to block.
func (w *portableWire) try([]byte) (int, error) { return 0, nil }

func (w *portableWire) hurry(d time.Duration) { w.slow.hurry(d) }

func (w *portableWire) close() error { return w.conn.Close() }
