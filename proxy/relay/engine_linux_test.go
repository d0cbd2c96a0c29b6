package relay

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"testing"
)

// descriptors is how many this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestAClosedEngineLeavesNoDescriptor(t *testing.T) {
	before := descriptors(t)
	e := NewEngine()
	for range 20 {
		r := newRig(t, path{name: "engine", engine: true}, Config{Engine: e}, &tap{})
		r.client.send(Binary, "audio")
		r.vendor.expect("2:audio")
		r.client.close(1000, "")
		r.vendor.close(1000, "")
		r.wait()
		_ = r.client.c.Close()
		_ = r.vendor.c.Close()
	}
	e.Close()
	e.Close() // harmless
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

// A Tap that waits, and says so, holds up its own stream only.
func TestAStreamThatWaitsHoldsUpNoOther(t *testing.T) {
	e := NewEngine()
	t.Cleanup(e.Close)
	release, begun := make(chan struct{}), make(chan struct{})
	var stuck *rig
	slow := &tap{audio: func(int64, bool, bool) Verdict {
		stuck.s.Waiting(Client)
		close(begun)
		<-release
		return Pass
	}}
	stuck = prepare(t, path{name: "engine", engine: true}, Config{Engine: e}, slow)
	stuck.start() // not before slow may look at it
	other := newRig(t, path{name: "engine", engine: true}, Config{Engine: e}, &tap{})
	stuck.client.send(Binary, "waits")
	<-begun
	for i := range 100 {
		text := fmt.Sprint("frame ", i)
		other.client.send(Binary, text)
		other.vendor.expect("2:" + text)
	}
	close(release)
	stuck.vendor.expect("2:waits")
}

// A Tap that waits without a word is noticed: the others go on.
func TestAStreamThatWaitsWithoutAWordIsNoticed(t *testing.T) {
	e := NewEngine()
	t.Cleanup(e.Close)
	release, begun := make(chan struct{}), make(chan struct{})
	stuck := newRig(t, path{name: "engine", engine: true}, Config{Engine: e}, &tap{audio: func(int64, bool, bool) Verdict {
		close(begun)
		<-release
		return Pass
	}})
	other := newRig(t, path{name: "engine", engine: true}, Config{Engine: e}, &tap{})
	stuck.client.send(Binary, "waits")
	<-begun
	other.client.send(Binary, "goes on")
	other.vendor.expect("2:goes on")
	close(release)
	stuck.vendor.expect("2:waits")
}

// Many streams over as many pollers as there may be: every vendor hears its client's bytes.
func TestManyStreamsOnOneEngineKeepTheirBytes(t *testing.T) {
	e := NewEngine()
	t.Cleanup(e.Close)
	var all sync.WaitGroup
	for i := range 64 {
		r := newRig(t, path{name: "engine", engine: true}, Config{Engine: e}, &tap{})
		seed := rand.New(rand.NewPCG(uint64(i), 8)) //nolint:gosec // a test's chunks
		var frames [][]byte
		sum := sha256.New()
		for range 60 {
			p := bytes.Repeat([]byte{byte(seed.Uint32())}, 1+seed.IntN(9000))
			sum.Write(p)
			frames = append(frames, r.client.enc(Binary, true, string(p)))
		}
		want := len(frames)
		all.Go(func() {
			stream := bytes.Join(frames, nil)
			for len(stream) > 0 {
				n := min(len(stream), 1+seed.IntN(20_000))
				if _, err := r.client.c.Write(stream[:n]); err != nil {
					t.Error(err)
					return
				}
				stream = stream[n:]
			}
		})
		all.Go(func() {
			heard := sha256.New()
			for range want {
				var head [14]byte
				if err := copyFrame(r.vendor.c, head[:], heard); err != nil {
					t.Error(err)
					return
				}
			}
			if !bytes.Equal(heard.Sum(nil), sum.Sum(nil)) {
				t.Errorf("stream %d: the vendor heard something else", i)
			}
		})
	}
	all.Wait()
}

// copyFrame reads one masked frame and writes its payload, unmasked.
func copyFrame(r io.Reader, head []byte, w io.Writer) error {
	if _, err := io.ReadFull(r, head[:2]); err != nil {
		return err
	}
	n := 6
	switch head[1] & 0x7f {
	case 126:
		n = 8
	case 127:
		n = 14
	}
	if _, err := io.ReadFull(r, head[2:n]); err != nil {
		return err
	}
	h, err := parse(head[:n], true)
	if err != nil {
		return err
	}
	p := make([]byte, h.n)
	if _, err := io.ReadFull(r, p); err != nil {
		return err
	}
	xor(p, h.mask)
	_, err = w.Write(p)
	return err
}

// A FIN that came together with the last bytes hides behind a short read.
func TestAnEndBehindAShortReadIsFound(t *testing.T) {
	for range 50 {
		r := newRig(t, path{name: "engine", engine: true}, Config{}, &tap{})
		r.client.send(Binary, "last words")
		if err := r.client.c.Close(); err != nil {
			t.Fatal(err)
		}
		r.vendor.expect("2:last words", "8:1001 ")
		r.vendor.close(1001, "")
		if got := r.wait(); got.ClientCode != 1006 {
			t.Fatalf("result %+v", got)
		}
	}
}

// A place in the set is used again; its old events are not.
func TestAnEventOfAClosedSocketFindsNobody(t *testing.T) {
	var s slots
	first := &tcpWire{}
	s.put(first)
	slot, issue := first.slot, first.issue
	s.drop(&first.sock)
	second := &tcpWire{}
	s.put(second)
	if second.slot != slot {
		t.Fatalf("place %d, want %d again", second.slot, slot)
	}
	if s.find(slot, issue) != nil || s.find(second.slot, second.issue) != second {
		t.Error("an old event reached the socket that came after it")
	}
}

// An open stream that has nothing to do has no goroutine.
func TestAnIdleStreamHasNoGoroutine(t *testing.T) {
	e := NewEngine()
	t.Cleanup(e.Close)
	newRig(t, path{name: "engine", engine: true}, Config{Engine: e}, &tap{})
	before := settledGoroutines()
	for range 20 {
		r := newRig(t, path{name: "engine", engine: true}, Config{Engine: e}, &tap{})
		r.client.send(Binary, "a")
		r.vendor.expect("2:a")
	}
	for i := 0; settledGoroutines() > before+10; i++ { // the pumps of the beginning are on their way out
		if i > 1_000_000 {
			t.Fatalf("%d goroutines for 20 streams, %d before", runtime.NumGoroutine(), before)
		}
	}
}

func settledGoroutines() int {
	runtime.Gosched()
	return runtime.NumGoroutine()
}

func TestTheEngineSurvivesADescriptorItCannotWatch(t *testing.T) {
	e := NewEngine()
	t.Cleanup(e.Close)
	if err := e.add(&tcpWire{sock: sock{engine: e, fd: -1}}); err == nil {
		t.Error("a descriptor that is none is watched")
	}
	r := newRig(t, path{name: "engine", engine: true}, Config{Engine: e}, &tap{})
	r.client.send(Binary, "a")
	r.vendor.expect("2:a")
}
