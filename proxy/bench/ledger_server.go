//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisServer is a real server on one core, set up as docs/redis.md says.
type redisServer struct {
	proc    *child
	addr    string
	db      *redis.Client // the benchmark's own questions
	version string
}

// startRedis starts one in a directory below dir. With a single core in the machine it shares it with the load.
func startRedis(ctx context.Context, dir string) (*redisServer, error) {
	for _, tool := range []string{"redis-server", "taskset"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, fmt.Errorf("%s is missing (Debian: redis-server, util-linux): %w", tool, err)
		}
	}
	data, err := os.MkdirTemp(dir, "redis")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	log := filepath.Join(data, "server.log")
	proc, err := start(data, "redis", syscall.SIGTERM, nil, "taskset", "-c", strconv.Itoa(serverCore()), "redis-server",
		"--port", port, "--bind", "127.0.0.1", "--dir", data, "--logfile", log, "--save", "", "--appendonly", "yes",
		"--appendfsync", "everysec", "--maxmemory-policy", "noeviction", "--maxclients", "20000",
		// The log is rewritten when this benchmark says so, and beside the server's core as on a real machine.
		"--auto-aof-rewrite-percentage", "0", "--aof_rewrite_cpulist", loadCores())
	if err != nil {
		return nil, err
	}
	s := &redisServer{proc: proc, addr: net.JoinHostPort("127.0.0.1", port)}
	s.db = redis.NewClient(&redis.Options{Addr: s.addr, Protocol: 2, DisableIdentity: true, ReadTimeout: time.Minute, ContextTimeoutEnabled: true})
	if err := s.await(ctx); err != nil {
		s.close()
		return nil, errors.Join(err, errors.New(tail(log)))
	}
	return s, nil
}

func (s *redisServer) url() string { return "redis://" + s.addr }

// await waits for its first answer.
func (s *redisServer) await(ctx context.Context) error {
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(20 * time.Second); ; {
		info, err := s.info(ctx, "server")
		if err == nil {
			s.version = info["redis_version"]
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("redis-server does not answer: %w", err)
		}
		select {
		case <-s.proc.gone:
			return errors.New("redis-server ended")
		case <-ctx.Done():
			return ctx.Err()
		case <-look.C:
		}
	}
}

func (s *redisServer) close() {
	if s.db != nil {
		_ = s.db.Close()
	}
	s.proc.close()
}

// empty forgets all data and begins the log anew.
func (s *redisServer) empty(ctx context.Context) error { return s.db.FlushAll(ctx).Err() }

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}

// serverCore is the last core: the server's. The others are the load's.
func serverCore() int { return onlineCores() - 1 }

func loadCores() string {
	if n := onlineCores(); n > 2 {
		return fmt.Sprintf("0-%d", n-2)
	}
	return "0"
}

// onlineCores counts the machine's, for this process may be bound to fewer.
func onlineCores() int {
	b, err := os.ReadFile("/proc/cpuinfo")
	if n := bytes.Count(b, []byte("processor\t:")); err == nil && n > 0 {
		return n
	}
	return runtime.NumCPU()
}

// bindLoad moves this process off the server's core, threads that run already included.
func bindLoad(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "taskset", "-a", "-c", "-p", loadCores(), strconv.Itoa(os.Getpid())).CombinedOutput() //nolint:gosec // our own numbers
	if err != nil {
		return fmt.Errorf("taskset: %w: %s", err, bytes.TrimSpace(out))
	}
	runtime.GOMAXPROCS(max(1, onlineCores()-1))
	return nil
}

// info is INFO of some sections.
func (s *redisServer) info(ctx context.Context, sections ...string) (map[string]string, error) {
	text, err := s.db.Info(ctx, sections...).Result()
	if err != nil {
		return nil, err
	}
	return parseInfo(text), nil
}

func parseInfo(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			out[k] = v
		}
	}
	return out
}

// account is what the server has done since it started, by its own books.
type account struct {
	at      time.Time
	cpu     time.Duration // of the thread that runs commands
	calls   int64         // of scripts
	in, out int64         // bytes on its sockets
	log     int64         // bytes of the append-only file
	memory  int64         // used_memory
}

// account asks for the sockets' bytes last: the answer itself then belongs to what follows.
func (s *redisServer) account(ctx context.Context) (account, error) {
	info, err := s.info(ctx, "cpu", "commandstats", "persistence", "memory", "stats")
	if err != nil {
		return account{}, err
	}
	a, err := accountOf(info)
	a.at = time.Now()
	return a, err
}

func accountOf(info map[string]string) (account, error) {
	var a account
	var faults []error
	seconds := func(name string) time.Duration {
		f, err := strconv.ParseFloat(info[name], 64)
		if err != nil {
			faults = append(faults, fmt.Errorf("INFO %s: %w", name, err))
		}
		return time.Duration(f * float64(time.Second))
	}
	number := func(name string) int64 {
		n, err := strconv.ParseInt(info[name], 10, 64)
		if err != nil {
			faults = append(faults, fmt.Errorf("INFO %s: %w", name, err))
		}
		return n
	}
	a.cpu = seconds("used_cpu_user_main_thread") + seconds("used_cpu_sys_main_thread")
	a.in, a.out = number("total_net_input_bytes"), number("total_net_output_bytes")
	a.memory = number("used_memory")
	if info["aof_enabled"] != "0" {
		a.log = number("aof_current_size")
	}
	for _, c := range []string{"eval", "evalsha"} {
		a.calls += callsIn(info["cmdstat_"+c])
	}
	return a, errors.Join(faults...)
}

// callsIn reads "calls=12,usec=…,failed_calls=1"; a command that was never run has no line. A script that the
// server did not have has failed, and is sent whole: that is once in its life and no cost of a stream.
func callsIn(stat string) int64 {
	figure := func(name string) int64 {
		for word := range strings.SplitSeq(stat, ",") {
			if v, ok := strings.CutPrefix(word, name+"="); ok {
				if n, err := strconv.ParseInt(v, 10, 64); err == nil {
					return n
				}
			}
		}
		return 0
	}
	return figure("calls") - figure("failed_calls")
}

// since is what was done between two looks.
func (a account) since(b account) account {
	return account{cpu: a.cpu - b.cpu, calls: a.calls - b.calls, in: a.in - b.in, out: a.out - b.out, log: a.log - b.log, memory: a.memory - b.memory}
}
