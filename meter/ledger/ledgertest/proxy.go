package ledgertest

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// Proxy stands between a store and its server and spoils the way back: the server has done what
// it was asked when its reply is lost, or comes late. It understands nothing of what passes.
//
//	store ──────────► Proxy ──────────► server
//	      ◄─ lost? ──       ◄── reply ──
//	      ◄─ late? ──
type Proxy struct {
	t    testing.TB
	to   string
	l    net.Listener
	done chan struct{}
	all  sync.WaitGroup

	mu     sync.Mutex
	rng    *rand.Rand
	faults Faults
	conns  map[net.Conn]bool
	lost   int
}

// Faults are what a Proxy does to each reply.
type Faults struct {
	Lose  float64       // share of replies that are lost, with their connection
	Delay time.Duration // the longest that one is held up; random, so that they overtake each other
	Hang  bool          // nothing passes in either direction
}

// StartProxy listens for a server's clients; it is closed with the test.
func StartProxy(t testing.TB, to string, seed uint64) *Proxy {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{
		t: t, to: to, l: l, done: make(chan struct{}), conns: map[net.Conn]bool{},
		rng: rand.New(rand.NewPCG(seed, 1)), //nolint:gosec // chance, not a secret
	}
	p.all.Go(p.accept)
	t.Cleanup(func() {
		close(p.done)
		_ = l.Close() // nobody listens any more, which is what is wanted
		p.Cut()
		p.all.Wait()
	})
	return p
}

// URL is what a store's config says.
func (p *Proxy) URL() string { return "redis://" + p.l.Addr().String() }

// Set changes the faults, for what passes from now on.
func (p *Proxy) Set(f Faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = f
}

// Lost is how many replies were lost so far.
func (p *Proxy) Lost() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lost
}

// Cut closes every connection.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close() // it may be closed already
	}
	p.conns = map[net.Conn]bool{}
}

func (p *Proxy) accept() {
	for {
		client, err := p.l.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				p.t.Errorf("proxy: %v", err)
			}
			return
		}
		d := net.Dialer{Timeout: 5 * time.Second}
		server, err := d.DialContext(context.Background(), "tcp", p.to)
		if err != nil {
			_ = client.Close() // a server that is down looks like this
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = true, true
		p.mu.Unlock()
		p.all.Go(func() { p.pump(server, client, false) })
		p.all.Go(func() { p.pump(client, server, true) })
	}
}

// pump passes pieces on. A reply is seldom more than one, and what is left of one
// that was cut is as lost as the whole.
func (p *Proxy) pump(to io.WriteCloser, from io.ReadCloser, replies bool) {
	defer func() {
		_, _ = to.Close(), from.Close() // whichever is open still
	}()
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if err != nil || !p.pass(replies) {
			return
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

// pass holds a piece up and says whether it may go on.
func (p *Proxy) pass(reply bool) bool {
	p.mu.Lock()
	f := p.faults
	lose := reply && p.rng.Float64() < f.Lose
	delay := time.Duration(0)
	if reply && f.Delay > 0 {
		delay = time.Duration(p.rng.Int64N(int64(f.Delay)))
	}
	if lose {
		p.lost++
	}
	p.mu.Unlock()
	if lose {
		return false
	}
	for {
		select {
		case <-time.After(delay):
		case <-p.done:
			return false
		}
		p.mu.Lock()
		hang := p.faults.Hang
		p.mu.Unlock()
		if !hang {
			return true
		}
		delay = 10 * time.Millisecond
	}
}
