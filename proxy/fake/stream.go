package fake

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// errEnded says that a stream ended before it met a condition.
var errEnded = errors.New("the stream has ended")

// Limits of a stream.
const (
	maxMessage   = 8 << 20
	writeTimeout = 10 * time.Second
	keptBuffer   = 64 << 10 // a read buffer beyond this is given back
)

// dialect is what differs between the vendors and the generations of their
// protocols. Its methods are called on the reading goroutine, without the lock,
// except starved, which a timer calls.
type dialect interface {
	begin()                                 // right behind the 101
	heard(total int64)                      // audio arrived
	empty()                                 // an empty audio message arrived
	text(kind string, msg []byte) (on bool) // a text message; on is false when the stream is over
	finish()                                // the end of the stream was asked for: the last results
	idle() (d time.Duration, pings bool)    // how long nothing may come, and whether pings are something
	starved()                               // nothing came for so long
}

// Stream is one stream. Its exported methods are safe for concurrent use.
type Stream struct {
	c        *core
	conn     *websocket.Conn
	scenario Scenario
	dialect  dialect
	strike   int64       // bytes of audio after which the scenario strikes
	idle     *time.Timer // ends the stream when it is silent
	done     chan struct{}

	write sync.Mutex // one writer of data messages at a time

	mu      sync.Mutex // guards what follows
	timing  timing
	clock   Clock // nil: what must be read lasts no time
	rec     Record
	hash    hash.Hash
	changed chan struct{}
	ending  bool // we have sent Close; what comes is not heard any more
}

func newStream(c *core, conn *websocket.Conn, sc Scenario, rec Record) *Stream {
	return &Stream{c: c, conn: conn, scenario: sc, rec: rec, hash: sha256.New(), done: make(chan struct{})}
}

// timed says how its bytes are time; before it, they are not.
func (s *Stream) timed(t timing) {
	s.strike = max(t.bytes(time.Second), 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timing = t
	if t.read != "" && s.c.o.Clock != nil {
		s.clock = s.c.o.Clock(t.read)
	}
}

// count takes audio and returns the amount so far; the lock is held.
func (s *Stream) count(p []byte) int64 {
	s.rec.AudioBytes += int64(len(p))
	if s.timing.read == "" {
		s.rec.amount = s.rec.AudioBytes
	} else if s.clock != nil && len(p) > 0 {
		_ = s.clock.Write(p) // a real vendor would end the stream; here it lasts no longer
		s.rec.amount = s.clock.Elapsed().Milliseconds()
	}
	return s.rec.amount
}

// run is the stream, from the upgrade to its end.
func (s *Stream) run(d dialect) {
	s.dialect = d
	s.c.begin(s)
	defer s.c.end()
	s.conn.SetReadLimit(maxMessage)
	s.conn.SetPingHandler(s.ping)
	idle, _ := d.idle()
	s.idle = time.AfterFunc(idle, d.starved)
	stop := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() {
		select {
		case <-s.c.closed:
			s.end(websocket.CloseGoingAway, "the fake vendor is closing")
		case <-stop:
		}
	})
	s.dialect.begin()
	err := s.read()
	s.idle.Stop()
	close(stop)
	watcher.Wait()
	_ = s.conn.Close() // the peer has gone or was told
	s.finished(err)
}

// finished makes the record final.
func (s *Stream) finished(err error) {
	code, reason := websocket.CloseAbnormalClosure, ""
	if ce, ok := errors.AsType[*websocket.CloseError](err); ok {
		code, reason = ce.Code, ce.Text
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rec.Ended, s.rec.CloseCode, s.rec.Reason = true, code, reason
	s.note("close", []byte(reason))
	close(s.done)
	s.change()
}

// read handles messages until the connection ends.
func (s *Stream) read() error {
	var buf bytes.Buffer
	for {
		op, r, err := s.conn.NextReader()
		if err != nil {
			return err
		}
		buf.Reset()
		if _, err := buf.ReadFrom(r); err != nil {
			return err
		}
		s.alive()
		if op == websocket.BinaryMessage {
			err = s.audio(buf.Bytes())
		} else {
			err = s.control(buf.Bytes())
		}
		if err != nil {
			return err
		}
		if buf.Cap() > keptBuffer {
			buf = bytes.Buffer{}
		}
	}
}

// alive starts the idle time anew.
func (s *Stream) alive() {
	d, _ := s.dialect.idle()
	s.idle.Reset(d)
}

// audio hears a message.
func (s *Stream) audio(p []byte) error {
	s.mu.Lock()
	if s.ending {
		s.mu.Unlock()
		return nil
	}
	total := s.count(p)
	s.rec.Messages++
	s.note("audio", p)
	s.hash.Write(p)
	s.change()
	s.mu.Unlock()
	if len(p) == 0 {
		s.dialect.empty()
		return nil
	}
	s.dialect.heard(total)
	if total >= s.strike {
		return s.struck()
	}
	return nil
}

// control reads a text message.
func (s *Stream) control(p []byte) error {
	var m struct {
		Type string `json:"type"`
	}
	_ = json.Unmarshal(p, &m) // what is no JSON has no type and is recorded as it is
	s.mu.Lock()
	ending := s.ending
	s.rec.Texts++
	if strings.EqualFold(m.Type, "KeepAlive") {
		s.rec.KeepAlives++
	}
	s.note("text", p)
	s.change()
	s.mu.Unlock()
	if ending {
		return nil
	}
	if !s.dialect.text(m.Type, p) {
		return errKilled
	}
	return nil
}

// errKilled ends a stream without a Close.
var errKilled = errors.New("killed")

// finish ends the stream politely, unless the scenario forbids.
func (s *Stream) finish() {
	if s.scenario == SilentEnd {
		return
	}
	s.dialect.finish()
	s.end(websocket.CloseNormalClosure, "")
}

// struck plays the scenarios inside a stream.
func (s *Stream) struck() error {
	switch s.scenario {
	case Close1011:
		s.end(websocket.CloseInternalServerErr, "NET-0000")
	case BareClose:
		s.end(websocket.CloseNormalClosure, "")
	case Reset:
		if tcp, ok := s.conn.NetConn().(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // Close sends RST; without it a FIN is close enough
		}
		return errKilled
	case EOF:
		return errKilled
	case Deaf:
		<-s.c.closed
		return errKilled
	default: // a normal stream goes on; the handshake's scenarios never come here
	}
	return nil
}

// end sends Close, once, and gives the peer a while to answer. Safe from any
// goroutine.
func (s *Stream) end(code int, reason string) {
	s.mu.Lock()
	if s.ending {
		s.mu.Unlock()
		return
	}
	s.ending, s.rec.SentCode = true, code
	s.change()
	s.mu.Unlock()
	s.write.Lock()
	defer s.write.Unlock()
	_ = s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), time.Now().Add(writeTimeout))
	_ = s.conn.SetReadDeadline(time.Now().Add(s.c.o.CloseTimeout)) // a dead connection ends the reader by itself
}

// starvedWith ends a silent stream, unless the scenario forbids.
func (s *Stream) starvedWith(code int, reason string) {
	if s.scenario == SilentEnd || s.scenario == Deaf {
		return
	}
	s.end(code, reason)
}

// ping answers. Not every dialect takes it for a sign of life.
func (s *Stream) ping(data string) error {
	s.mu.Lock()
	s.rec.Pings++
	s.note("ping", []byte(data))
	s.change()
	s.mu.Unlock()
	if _, pings := s.dialect.idle(); pings {
		s.alive()
	}
	err := s.conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(writeTimeout))
	if errors.Is(err, websocket.ErrCloseSent) {
		return nil
	}
	return err
}

// send writes a message to the peer. A failure shows in the reader.
func (s *Stream) send(v any) {
	s.write.Lock()
	defer s.write.Unlock()
	_ = s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	w, err := s.conn.NextWriter(websocket.TextMessage)
	if err != nil {
		return
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false) // "<fin>" as the vendors write it
	_ = enc.Encode(v)
	_ = w.Close()
}

// sum is the SHA-256 of the audio so far; the lock is held.
func (s *Stream) sum() string { return hex.EncodeToString(s.hash.Sum(nil)) }
