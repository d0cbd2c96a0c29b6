//go:build linux

package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gorilla/websocket"
)

var sizes = []int{0, 1, 125, 126, 640, 65535, 65536, 70000}

func TestFramesAsWrittenAreReadByAnotherImplementation(t *testing.T) {
	type message struct {
		op   int
		data []byte
	}
	got := make(chan message, len(sizes))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		up := websocket.Upgrader{}
		c, err := up.Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = c.Close() }()
		defer close(got)
		for range sizes {
			op, data, err := c.ReadMessage()
			if err != nil {
				t.Error(err)
				return
			}
			got <- message{op, data}
		}
	}))
	defer srv.Close()

	c, err := dial(t.Context(), target{addr: srv.Listener.Addr().String()}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	var b []byte
	for _, n := range sizes {
		b = appendMasked(b, opBinary, [4]byte{1, 2, 3, 4}, pattern(n))
	}
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
	i := 0
	for m := range got {
		if m.op != opBinary || !bytes.Equal(m.data, pattern(sizes[i])) {
			t.Errorf("message of %d bytes arrived as opcode %d, %d bytes", sizes[i], m.op, len(m.data))
		}
		i++
	}
	if i != len(sizes) {
		t.Errorf("%d messages arrived, want %d", i, len(sizes))
	}
}

func TestScannerCountsFramesHoweverTheyAreCut(t *testing.T) {
	var wire []byte
	for _, n := range sizes {
		wire = appendMasked(wire, opBinary, [4]byte{9, 8, 7, 6}, pattern(n))
		wire = appendFrame(wire, opText, pattern(n))
	}
	for _, cut := range []int{1, 2, 3, 7, 100, 4096, len(wire)} {
		var s scanner
		var got []int64
		for p := wire; len(p) > 0; {
			n := min(cut, len(p))
			err := s.feed(p[:n], func(f frame) error {
				if want := pattern(int(f.size)); !bytes.Equal(f.first, want[:min(len(want), firstBytes)]) {
					t.Errorf("cut %d: first bytes of a frame of %d are %x", cut, f.size, f.first)
				}
				got = append(got, f.size)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			p = p[n:]
		}
		if len(got) != 2*len(sizes) {
			t.Fatalf("cut %d: %d frames, want %d", cut, len(got), 2*len(sizes))
		}
		for i, n := range got {
			if int(n) != sizes[i/2] {
				t.Errorf("cut %d: frame %d has %d bytes, want %d", cut, i, n, sizes[i/2])
			}
		}
	}
}

func TestScannerRefusesReservedBits(t *testing.T) {
	var s scanner
	if err := s.feed([]byte{0xc2, 0x00, 0x00}, func(frame) error { return nil }); err == nil {
		t.Error("a compressed frame passed as a plain one")
	}
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7)
	}
	return b
}
