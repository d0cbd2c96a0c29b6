package admin

import (
	"net/netip"
	"sync"
	"time"
)

// How many bad tokens are answered as such: so many at once, and one more with each interval.
const (
	peerBurst  = 10
	peerEvery  = 6 * time.Second
	totalBurst = 100
	totalEvery = 100 * time.Millisecond
	// mostPeers bounds what is remembered: one address each, of IPv6 one network.
	mostPeers = 1024
)

// strikes counts bad tokens, per peer and in all. What is over is answered 429 and costs no line of the log. A good token is
// never counted and never refused: many operators may come from one address (a proxy, a port that is forwarded), and whoever
// guesses there would lock them out. What keeps guesses from being right is the length of the token. Safe for concurrent use.
type strikes struct {
	now func() time.Time

	mu    sync.Mutex
	total time.Time                  // when all of it is forgiven
	peers map[netip.Prefix]time.Time // the same of each
}

func newStrikes(now func() time.Time) *strikes {
	return &strikes{now: now, peers: map[netip.Prefix]time.Time{}}
}

// bad counts one, and returns how long its sender should wait; 0: not at all.
func (s *strikes) bad(remote string) (wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, peer := s.now(), network(remote)
	// Whoever is over their own limit does not use up what is everybody's.
	free, wait := strike(s.peers[peer], now, peerBurst, peerEvery)
	if wait > 0 {
		return wait
	}
	all, wait := strike(s.total, now, totalBurst, totalEvery)
	if wait > 0 {
		return wait
	}
	s.total = all
	if len(s.peers) >= mostPeers {
		s.forget(now)
	}
	if _, known := s.peers[peer]; known || len(s.peers) < mostPeers {
		s.peers[peer] = free
	}
	return 0
}

// strike adds one to a count that is told by when it will be forgiven.
func strike(free, now time.Time, burst int, every time.Duration) (time.Time, time.Duration) {
	if free.Before(now) {
		free = now
	}
	free = free.Add(every)
	return free, free.Sub(now) - time.Duration(burst)*every
}

// forget drops whoever has nothing left to be forgiven.
func (s *strikes) forget(now time.Time) {
	for p, free := range s.peers {
		if !free.After(now) {
			delete(s.peers, p)
		}
	}
}

// network is whose count a peer's is: of IPv6, anybody has a whole /64.
func network(remote string) netip.Prefix {
	a, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	ip, bits := a.Addr().Unmap().WithZone(""), 32
	if ip.Is6() {
		bits = 64
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
