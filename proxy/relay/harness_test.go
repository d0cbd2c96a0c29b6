package relay

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hang is a guard, not a measure: nothing here takes long unless it is broken.
const hang = 20 * time.Second

// path is one data path; every behaviour is tested on each.
type path struct {
	name   string
	engine bool
	tls    bool
}

var paths = []path{ //nolint:gochecknoglobals // a table
	{name: "portable"},
	{name: "portable-tls", tls: true},
	{name: "engine", engine: true},
	{name: "engine-tls", engine: true, tls: true},
}

func eachPath(t *testing.T, f func(t *testing.T, p path)) {
	t.Helper()
	for _, p := range paths {
		t.Run(p.name, func(t *testing.T) { t.Parallel(); f(t, p) })
	}
}

// rig is a stream between a raw client and a raw vendor on loopback sockets.
type rig struct {
	t              testing.TB
	s              *Stream
	client, vendor *end
	result         chan Result
	once           sync.Once
	got            Result
}

// newRig starts a stream. Short timeouts belong to the cases that wait for them.
func newRig(t testing.TB, p path, c Config, tap Tap, rest ...byte) *rig {
	t.Helper()
	r := prepare(t, p, c, tap, rest...)
	r.start()
	return r
}

// prepare makes a stream that does not run yet.
func prepare(t testing.TB, p path, c Config, tap Tap, rest ...byte) *rig {
	t.Helper()
	if c.CloseTimeout == 0 {
		c.CloseTimeout = hang
	}
	if c.FinishTimeout == 0 {
		c.FinishTimeout = hang
	}
	if p.engine && c.Engine == nil {
		c.Engine = NewEngine()
		t.Cleanup(c.Engine.Close) // runs after the stream's end
	}
	clientHere, clientThere := pair(t)
	vendorHere, vendorThere := pair(t)
	var toVendor, atVendor net.Conn = vendorHere, vendorThere
	if p.tls {
		toVendor, atVendor = tlsPair(t, vendorHere, vendorThere)
	}
	return &rig{
		t: t, result: make(chan Result, 1),
		s:      New(c, clientHere, toVendor, rest, tap),
		client: newEnd(t, clientThere, true),
		vendor: newEnd(t, atVendor, false),
	}
}

func (r *rig) start() {
	r.s.Start(func(got Result) { r.result <- got })
	r.t.Cleanup(func() {
		r.s.Abort()
		r.wait()
		r.client.c.Close()
		r.vendor.c.Close()
	})
}

// wait is the stream's result.
func (r *rig) wait() Result {
	r.t.Helper()
	r.once.Do(func() {
		select {
		case r.got = <-r.result:
		case <-time.After(hang):
			panic("the stream does not end")
		}
	})
	return r.got
}

func pair(t testing.TB) (here, there *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	must(t, err)
	a, err := l.Accept()
	must(t, err)
	return a.(*net.TCPConn), c.(*net.TCPConn)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var certificate = sync.OnceValue(func() tls.Certificate { //nolint:gochecknoglobals // made once
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"vendor"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	leaf, _ := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
})

func tlsPair(t testing.TB, here, there net.Conn) (client, server *tls.Conn) {
	t.Helper()
	cert := certificate()
	roots := x509.NewCertPool()
	roots.AddCert(cert.Leaf)
	client = tls.Client(Wrap(here), &tls.Config{RootCAs: roots, ServerName: "vendor", DynamicRecordSizingDisabled: true, MinVersion: tls.VersionTLS12})
	server = tls.Server(there, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
	done := make(chan error, 1)
	go func() { done <- server.Handshake() }()
	must(t, client.Handshake())
	must(t, <-done)
	return client, server
}

// end is a raw peer: it writes any bytes and reads frames, strictly.
type end struct {
	t      testing.TB
	c      net.Conn
	masked bool // it writes masked frames, as a client does
	buf    []byte
	wire   bytes.Buffer // all that was read
}

func newEnd(t testing.TB, c net.Conn, masked bool) *end {
	t.Helper()
	return &end{t: t, c: c, masked: masked}
}

// frame is one frame as it stood on the wire, unmasked.
type frame struct {
	op      Op
	fin     bool
	masked  bool
	payload string
	raw     []byte
}

func (f frame) String() string {
	fin := ""
	if !f.fin {
		fin = "+"
	}
	p := f.payload
	if f.op == Close && len(p) >= 2 {
		p = fmt.Sprintf("%d %s", binary.BigEndian.Uint16([]byte(p)), p[2:])
	}
	if len(p) > 40 {
		p = fmt.Sprintf("%s...%d", p[:8], len(p))
	}
	return fmt.Sprintf("%d%s:%s", f.op, fin, p)
}

func (e *end) write(p ...[]byte) {
	e.t.Helper()
	_ = e.c.SetWriteDeadline(time.Now().Add(hang))
	if _, err := e.c.Write(bytes.Join(p, nil)); err != nil {
		e.t.Fatalf("peer cannot write: %v", err)
	}
}

// send writes a whole message.
func (e *end) send(op Op, payload string) { e.t.Helper(); e.write(e.enc(op, true, payload)) }

func (e *end) close(code int, reason string) { e.t.Helper(); e.write(e.closing(code, reason)) }

func (e *end) closing(code int, reason string) []byte {
	return e.enc(Close, true, string(binary.BigEndian.AppendUint16(nil, uint16(code)))+reason)
}

// enc encodes a frame by hand, not with the code under test.
func (e *end) enc(op Op, fin bool, payload string) []byte {
	return encode(byte(op), fin, payload, e.masked)
}

func encode(op byte, fin bool, payload string, masked bool) []byte {
	b := []byte{op}
	if fin {
		b[0] |= 0x80
	}
	n := len(payload)
	switch {
	case n < 126:
		b = append(b, byte(n))
	case n < 65536:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	if !masked {
		return append(b, payload...)
	}
	b[1] |= 0x80
	mask := []byte{0xa1, 0x0b, 0x37, byte(n) | 1}
	b = append(b, mask...)
	for i := range n {
		b = append(b, payload[i]^mask[i%4])
	}
	return b
}

var errTime = errors.New("nothing came")

// next reads a frame; io.EOF at the end of the stream.
func (e *end) next() (frame, error) {
	for {
		if f, n := decode(e.buf); n > 0 {
			e.buf = e.buf[n:]
			return f, nil
		}
		_ = e.c.SetReadDeadline(time.Now().Add(hang))
		p := make([]byte, 32<<10)
		n, err := e.c.Read(p)
		e.buf = append(e.buf, p[:n]...)
		e.wire.Write(p[:n])
		if n == 0 && err != nil {
			var ne net.Error
			if errors.As(err, &ne) && ne.Timeout() {
				return frame{}, errTime
			}
			if len(e.buf) > 0 {
				return frame{}, io.ErrUnexpectedEOF
			}
			return frame{}, io.EOF
		}
	}
}

func decode(b []byte) (f frame, size int) {
	if len(b) < 2 {
		return f, 0
	}
	f.op, f.fin, f.masked = Op(b[0]&15), b[0]&0x80 != 0, b[1]&0x80 != 0
	n, at := int(b[1]&127), 2
	switch {
	case n == 126 && len(b) >= 4:
		n, at = int(binary.BigEndian.Uint16(b[2:])), 4
	case n == 127 && len(b) >= 10:
		n, at = int(binary.BigEndian.Uint64(b[2:])), 10
	case n > 125:
		return f, 0
	}
	mask := make([]byte, 4)
	if f.masked {
		if len(b) < at+4 {
			return f, 0
		}
		at += copy(mask, b[at:at+4])
	}
	if len(b) < at+n {
		return f, 0
	}
	p := make([]byte, n)
	for i := range n {
		p[i] = b[at+i] ^ mask[i%4]
	}
	f.payload, f.raw = string(p), b[:at+n]
	return f, at + n
}

// expect reads frames and compares them, written as frame.String writes them.
func (e *end) expect(want ...string) {
	e.t.Helper()
	for _, w := range want {
		f, err := e.next()
		got := f.String()
		if err != nil {
			got = err.Error()
		}
		if got != w {
			e.t.Fatalf("%s got %q, want %q", e.who(), got, w)
		}
		if err == nil && f.masked == e.masked {
			e.t.Fatalf("%s got a frame with the wrong masking: %v", e.who(), f)
		}
	}
}

func (e *end) who() string {
	if e.masked {
		return "client"
	}
	return "vendor"
}

// tap is a Tap that lets everything pass, unless told otherwise.
type tap struct {
	mu                   sync.Mutex
	asked                int64 // audio bytes passed
	frames, texts, shown []string
	gone                 int
	audio                func(n int64, first, last bool) Verdict
	payload              func(p []byte, first, last bool) Verdict
	client               func(msg []byte) ([]byte, Verdict, error)
	vendor               func(msg []byte) ([]byte, Verdict, error)
	finish               [][]byte
	wait                 bool
	goneHook             func()
}

func (t *tap) Audio(n int64, first, last bool) Verdict {
	v := Pass
	if t.audio != nil {
		v = t.audio(n, first, last)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if v == Pass {
		t.asked += n
	}
	t.frames = append(t.frames, fmt.Sprint(n, first, last))
	return v
}

func (t *tap) ClientText(msg []byte) ([]byte, Verdict, error) {
	t.mu.Lock()
	t.texts = append(t.texts, "c:"+string(msg))
	t.mu.Unlock()
	if t.client != nil {
		return t.client(msg)
	}
	return nil, Pass, nil
}

func (t *tap) VendorText(msg []byte) ([]byte, Verdict, error) {
	t.mu.Lock()
	t.texts = append(t.texts, "v:"+string(msg))
	t.mu.Unlock()
	if t.vendor != nil {
		return t.vendor(msg)
	}
	return nil, Pass, nil
}

func (t *tap) ClientGone() ([][]byte, bool) {
	t.mu.Lock()
	t.gone++
	t.mu.Unlock()
	if t.goneHook != nil {
		t.goneHook()
	}
	return t.finish, t.wait
}

func (t *tap) said() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.texts...)
}
