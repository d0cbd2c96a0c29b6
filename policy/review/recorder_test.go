package review

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// sessionStore is a ledger's, as slow and as broken as a test wants.
type sessionStore struct {
	mu    sync.Mutex
	kept  map[string]string
	block chan struct{} // nil: none
	err   error
}

func (s *sessionStore) AddSession(ctx context.Context, user, id string, entry []byte) error {
	if s.block != nil {
		select {
		case <-s.block:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.kept[user+"/"+id] = string(entry)
	}
	return s.err
}

func TestSessionsAreWrittenBehindTheStreams(t *testing.T) {
	var lost atomic.Int64
	store := &sessionStore{kept: map[string]string{}}
	r := NewRecorder(store, slog.New(slog.DiscardHandler), func() { lost.Add(1) })
	want := of(1)[0]
	for _, id := range []string{"a", "b", "c"} {
		r.Record("bob", id, want)
	}
	r.Close(t.Context())
	if len(store.kept) != 3 || lost.Load() != 0 {
		t.Fatalf("%d kept, %d lost", len(store.kept), lost.Load())
	}
	if got, err := DecodeSession([]byte(store.kept["bob/b"])); err != nil || got.Audio != want.Audio {
		t.Errorf("%+v, %v", got, err)
	}
	r.Record("bob", "d", want)
	r.Close(t.Context())
	if lost.Load() != 1 {
		t.Errorf("after Close: %d lost", lost.Load())
	}
}

func TestAStoreThatStandsStillDelaysNobodyAndIsSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var lost atomic.Int64
		store := &sessionStore{kept: map[string]string{}, block: make(chan struct{})}
		r := NewRecorder(store, slog.New(slog.NewTextHandler(&log, nil)), func() { lost.Add(1) })
		began := time.Now()
		s := of(1)[0]
		s.Excerpt = canary
		for range recorderQueue + 1000 {
			r.Record("bob", "x", s)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v", took)
		}
		if n := lost.Load(); n < 1000-recorderHands || n > 1000 {
			t.Errorf("%d lost", n)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r.Close(ctx) // gives up, and loses what waits
		if lost.Load() != recorderQueue+1000 {
			t.Errorf("%d lost", lost.Load())
		}
		if n := strings.Count(log.String(), "\n"); n != 1 || strings.Contains(log.String(), canary) {
			t.Errorf("%d lines: %s", n, &log)
		}
	})
}

func TestAWriteThatFailsIsLostAndCounted(t *testing.T) {
	var lost atomic.Int64
	r := NewRecorder(&sessionStore{err: errors.New("down")}, slog.New(slog.DiscardHandler), func() { lost.Add(1) })
	r.Record("bob", "a", of(1)[0])
	r.Close(t.Context())
	if lost.Load() != 1 {
		t.Errorf("%d lost", lost.Load())
	}
}
