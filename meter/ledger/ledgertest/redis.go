package ledgertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// RedisServer is a real server in a process of its own, with its data in a directory of the test's.
type RedisServer struct {
	t    testing.TB
	bin  string // Debian calls the package the same
	dir  string
	port string
	args []string
	cmd  *exec.Cmd
	out  bytes.Buffer
}

// redisHang is how long a server may take to answer on a loaded machine.
const redisHang = time.Minute

// StartRedis starts a server on a free port, which is stopped with the test. It keeps an
// append-only file and evicts nothing; args change that ("--save", "60 1"). A machine without
// redis-server fails the test: the ledger's promises on it would be untested.
func StartRedis(t testing.TB, args ...string) *RedisServer {
	t.Helper()
	return startServer(t, "redis-server", args)
}

// StartValkey is StartRedis with the server's other branch.
func StartValkey(t testing.TB, args ...string) *RedisServer {
	t.Helper()
	return startServer(t, "valkey-server", args)
}

func startServer(t testing.TB, bin string, args []string) *RedisServer {
	t.Helper()
	s := &RedisServer{t: t, bin: bin, dir: t.TempDir(), port: FreePort(t)}
	s.args = append([]string{
		"--port", s.port, "--bind", "127.0.0.1", "--dir", s.dir, "--save", "", "--appendonly", "yes",
		"--appendfsync", "everysec", "--maxmemory-policy", "noeviction",
	}, args...)
	s.Start()
	t.Cleanup(s.Kill)
	return s
}

// FreePort is one that nobody listens on.
func FreePort(t testing.TB) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return port
}

// Addr is where it listens.
func (s *RedisServer) Addr() string { return net.JoinHostPort("127.0.0.1", s.port) }

// URL is what a store's config says.
func (s *RedisServer) URL() string { return "redis://" + s.Addr() }

// Start starts the process, again after Kill, and waits until it answers.
func (s *RedisServer) Start() {
	s.t.Helper()
	bin, err := exec.LookPath(s.bin)
	if err != nil {
		s.t.Fatalf("%s is missing (make deps installs it on Debian): %v", s.bin, err)
	}
	s.cmd = exec.CommandContext(context.Background(), bin, s.args...) //nolint:gosec // the tests' own words
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(redisHang); !s.answers(); <-look.C {
		if time.Now().After(end) {
			s.Kill()
			s.t.Fatalf("%s does not answer:\n%s", s.bin, s.out.String())
		}
	}
}

// answers asks as the protocol's shortest sentence.
func (s *RedisServer) answers() bool {
	d := net.Dialer{Timeout: time.Second}
	c, err := d.DialContext(context.Background(), "tcp", s.Addr())
	if err != nil {
		return false
	}
	defer func() { _ = c.Close() }() // it is asked nothing more
	if err := c.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return false
	}
	if _, err := fmt.Fprint(c, "PING\r\n"); err != nil {
		return false
	}
	b := make([]byte, 5)
	_, err = c.Read(b)
	return err == nil && (string(b) == "+PONG" || string(b) == "-NOAU")
}

// Kill ends the process as a power cut would, but for what the kernel has.
func (s *RedisServer) Kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill() // it may be gone
	_ = s.cmd.Wait()
	s.cmd = nil
}

// Signal stops (SIGSTOP) or continues (SIGCONT) the process: a server that hangs.
func (s *RedisServer) Signal(sig os.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// Do runs a command as the operator, who may do everything.
func (s *RedisServer) Do(args ...any) any {
	s.t.Helper()
	v, err := s.ask(args...)
	if err != nil {
		s.t.Errorf("%v: %v", args, err)
	}
	return v
}

// ask is Do for what may go wrong.
func (s *RedisServer) ask(args ...any) (any, error) {
	c := redis.NewClient(&redis.Options{Addr: s.Addr()})
	defer func() { _ = c.Close() }() // its only command was answered
	v, err := c.Do(context.Background(), args...).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	return v, err
}

// DoAll runs commands on one connection, up to the first that is refused.
func (s *RedisServer) DoAll(commands ...[]any) error {
	c := redis.NewClient(&redis.Options{Addr: s.Addr(), PoolSize: 1})
	defer func() { _ = c.Close() }() // its commands were answered
	for _, args := range commands {
		if err := c.Do(context.Background(), args...).Err(); err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
	}
	return nil
}

// until waits for what the server says, as a matter of seconds.
func (s *RedisServer) until(what string, right func(said string) bool, args ...any) {
	s.t.Helper()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(redisHang); ; <-look.C {
		said := fmt.Sprint(s.Do(args...))
		if right(said) {
			return
		}
		if time.Now().After(end) {
			s.t.Errorf("%s: no server came to it: %s", what, said)
			return
		}
	}
}

// Lose takes the data of a killed server away.
func (s *RedisServer) Lose() {
	s.t.Helper()
	if err := os.RemoveAll(filepath.Join(s.dir, "appendonlydir")); err != nil {
		s.t.Fatal(err)
	}
}
