package ledger

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"
)

// Sessions keeps each user's latest sessions, as opaque entries: what a review looks at. They
// are evidence and no money: a Mover leaves them behind.
type Sessions interface {
	// AddSession puts an entry in front of the user's. One whose id is kept already changes
	// nothing, so that a retry is harmless. The newest 50 are kept, for 8 days after the
	// last was added. Ids have 1 to 64 bytes, entries up to 2 KiB.
	AddSession(ctx context.Context, user, id string, entry []byte) error
	// Sessions returns up to n entries, the newest first.
	Sessions(ctx context.Context, user string, n int) ([][]byte, error)
}

// Bounds of sessions.
const (
	keepSessions    = 50
	maxSession      = 2 << 10
	maxSessionID    = 64
	keepSessionTime = keepUsage
)

func checkSession(user, id string, entry []byte) error {
	switch err := checkUser(user); {
	case err != nil:
		return err
	case id == "" || len(id) > maxSessionID:
		return fmt.Errorf("%w: session id of %d bytes, 1 to %d are possible", ErrInvalid, len(id), maxSessionID)
	case len(entry) > maxSession:
		return fmt.Errorf("%w: session of %d bytes, at most %d are possible", ErrInvalid, len(entry), maxSession)
	}
	return nil
}

// session is one entry of a user's record.
type session struct{ id, entry string }

func decodeSessions(b []byte) (all []session, end int64, err error) {
	if b == nil {
		return nil, 0, nil
	}
	r := newReader(b)
	end = r.amount()
	for len(r.b) > 0 && !r.bad {
		all = append(all, session{r.text(), r.text()})
	}
	if err := r.end(); err != nil {
		return nil, 0, fmt.Errorf("sessions: %w", err)
	}
	return all, end, nil
}

// addSession writes: version, unix second of the end, entries.
func (b book) addSession(t table, user string, s session, now time.Time) error {
	at := key(keySession, user)
	all, old, err := decodeSessions(t.get(at))
	if err != nil {
		return err
	}
	if old <= now.Unix() {
		all = nil
	}
	if slices.ContainsFunc(all, func(o session) bool { return o.id == s.id }) {
		return nil
	}
	all = append([]session{s}, all[:min(len(all), keepSessions-1)]...)
	end := now.Add(keepSessionTime)
	if err := expireAnew(t, at, old, end); err != nil {
		return err
	}
	raw := binary.AppendVarint([]byte{recordVersion}, end.Unix())
	for _, o := range all {
		raw = appendText(appendText(raw, o.id), o.entry)
	}
	return t.put(at, raw)
}

func (b book) sessions(v view, user string, n int, now time.Time) ([][]byte, error) {
	all, end, err := decodeSessions(v.get(key(keySession, user)))
	if err != nil || end <= now.Unix() {
		return nil, err
	}
	var out [][]byte
	for _, s := range all[:min(max(n, 0), len(all))] {
		out = append(out, []byte(s.entry))
	}
	return out, nil
}

// AddSession is Sessions.AddSession.
func (m *Memory) AddSession(ctx context.Context, user, id string, entry []byte) error {
	if err := checkSession(user, id, entry); err != nil {
		return err
	}
	return m.do(ctx, "add session", func(t table, now time.Time) error {
		return m.book.addSession(t, user, session{id, string(entry)}, now)
	})
}

// Sessions is Sessions.Sessions.
func (m *Memory) Sessions(ctx context.Context, user string, n int) (out [][]byte, err error) {
	if err := checkUser(user); err != nil {
		return nil, err
	}
	err = m.do(ctx, "sessions", func(t table, now time.Time) error {
		out, err = m.book.sessions(t, user, n, now)
		return err
	})
	return out, err
}

// AddSession is Sessions.AddSession. It does not wait for the disk.
func (e *Embedded) AddSession(ctx context.Context, user, id string, entry []byte) error {
	if err := checkSession(user, id, entry); err != nil {
		return err
	}
	s := session{id, string(entry)}
	_, err := e.j.do(ctx, func(t table, now time.Time) error { return e.book.addSession(t, user, s, now) })
	return during("add session", err)
}

// Sessions is Sessions.Sessions.
func (e *Embedded) Sessions(ctx context.Context, user string, n int) (out [][]byte, err error) {
	if err := checkUser(user); err != nil {
		return nil, err
	}
	err = e.read(ctx, "sessions", func(v view) error {
		out, err = e.book.sessions(v, user, n, e.now())
		return err
	})
	return out, err
}

// AddSession is Sessions.AddSession.
func (r *Redis) AddSession(ctx context.Context, user, id string, entry []byte) error {
	if err := checkSession(user, id, entry); err != nil {
		return err
	}
	return r.do(ctx, "add session", func(ctx context.Context) error {
		keys := []string{r.names.owner(userOwner(user)).sessions()}
		return r.scripts.session.Run(ctx, r.db, keys, id, entry, keepSessions, int(keepSessionTime/time.Second)).Err()
	})
}

// Sessions is Sessions.Sessions.
func (r *Redis) Sessions(ctx context.Context, user string, n int) (out [][]byte, err error) {
	if err := checkUser(user); err != nil {
		return nil, err
	}
	if n <= 0 {
		return nil, nil
	}
	err = r.do(ctx, "sessions", func(ctx context.Context) error {
		all, err := r.db.LRange(ctx, r.names.owner(userOwner(user)).sessions(), 0, int64(n)-1).Result()
		if err != nil {
			return err
		}
		for _, s := range all {
			in := &reader{b: []byte(s)}
			if in.text(); in.bad {
				return fmt.Errorf("sessions: %w", errRecord)
			}
			out = append(out, in.b)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
