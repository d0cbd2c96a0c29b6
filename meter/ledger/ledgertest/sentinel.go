package ledgertest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Sentinels is a primary, its replica and three Sentinels that watch them, all real processes.
type Sentinels struct {
	t                testing.TB
	Primary, Replica *RedisServer
	watch            []*RedisServer
}

// master is what the Sentinels call the pair.
const master = "main"

// StartSentinels starts them and waits until each knows all others. They end with the test.
func StartSentinels(t testing.TB) *Sentinels {
	t.Helper()
	// The replica comes as a user of its own, so that its way can be cut and nobody else's.
	link := []string{
		"--user", "link", "on", ">link", "+psync", "+replconf", "+ping", "--masteruser", "link", "--masterauth", "link",
		"--repl-diskless-sync-delay", "0",
	}
	s := &Sentinels{t: t, Primary: StartRedis(t, link...)}
	host, port, _ := strings.Cut(s.Primary.Addr(), ":")
	s.Replica = StartRedis(t, append([]string{"--replicaof", host + " " + port}, link...)...)
	s.caughtUp()
	for range 3 {
		w := &RedisServer{t: t, bin: "redis-server", dir: t.TempDir(), port: FreePort(t)}
		file := filepath.Join(w.dir, "sentinel.conf") // it writes there what it finds out
		text := fmt.Sprintf("port %s\nbind 127.0.0.1\ndir %s\nsentinel monitor %s %s %s 2\nsentinel down-after-milliseconds %s 30000\n",
			w.port, w.dir, master, host, port, master)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		w.args = []string{file, "--sentinel"}
		w.Start()
		t.Cleanup(w.Kill)
		// They look around every ten seconds, and speak every two, for larger worlds than this; and
		// take a machine under load for one whose clock jumps.
		w.Do("SENTINEL", "DEBUG", "info-period", "200", "publish-period", "200", "tilt-trigger", "60000")
		s.watch = append(s.watch, w)
	}
	for _, w := range s.watch {
		w.until("three Sentinels", func(said string) bool {
			return strings.Contains(said, "num-slaves:1") && strings.Contains(said, "num-other-sentinels:2")
		}, "SENTINEL", "MASTER", master)
	}
	for _, w := range s.watch { // who has not heard of a failover for four times this undoes it
		w.Do("SENTINEL", "DEBUG", "publish-period", "2000")
	}
	return s
}

// URL is what a store's config says.
func (s *Sentinels) URL() string {
	return "redis+sentinel://" + s.watch[0].Addr() + "/" + master + "?addr=" + s.watch[1].Addr() + "&addr=" + s.watch[2].Addr()
}

// Failover makes the replica the primary, and the primary a replica, by the word of an operator. What
// the replica did not have is lost then; the old primary takes writes until it hears of it.
func (s *Sentinels) Failover() {
	s.promote()
	s.demote()
}

// FailoverInOrder is a failover that loses nothing, as docs/redis.md tells it: writes stop first.
func (s *Sentinels) FailoverInOrder() {
	old := s.Primary
	old.Do("CLIENT", "PAUSE", "60000", "WRITE")
	s.caughtUp()
	s.promote()
	s.demote()
	old.Do("CLIENT", "UNPAUSE")
}

// CutReplica ends the link of a replica that has everything. It is behind from then on.
func (s *Sentinels) CutReplica() {
	s.caughtUp()
	s.Primary.Do("ACL", "SETUSER", "link", "off")
	s.Primary.Do("CLIENT", "KILL", "TYPE", "replica")
	s.Replica.until("a replica without a link", func(said string) bool { return strings.Contains(said, "master_link_status:down") }, "INFO", "replication")
}

// caughtUp waits until the replica has all that the primary has.
func (s *Sentinels) caughtUp() {
	s.Primary.until("a replica that has everything", func(said string) bool {
		_, has, found := strings.Cut(said, "state=online,offset=")
		_, all, _ := strings.Cut(said, "master_repl_offset:")
		return found && number(has) == number(all)
	}, "INFO", "replication")
}

// promote returns when every Sentinel names the new primary. One that has begun a failover may give it up
// by itself, and is told again.
func (s *Sentinels) promote() {
	s.insist("Sentinels that fail over", func() bool {
		if s.named(s.Replica) == 0 {
			_, _ = s.watch[0].ask("SENTINEL", "FAILOVER", master) // it is at it, or cannot yet
		}
		return s.named(s.Replica) == len(s.watch)
	})
	s.Primary, s.Replica = s.Replica, s.Primary
}

// named is how many Sentinels say that a server is the primary.
func (s *Sentinels) named(r *RedisServer) (n int) {
	_, port, _ := strings.Cut(r.Addr(), ":")
	for _, w := range s.watch {
		if said, err := w.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", master); err == nil && strings.Contains(fmt.Sprint(said), " "+port+"]") {
			n++
		}
	}
	return n
}

// demote makes the old primary a replica at once, which the Sentinels would do in some seconds, and
// waits until it follows the new one and they know.
func (s *Sentinels) demote() {
	host, port, _ := strings.Cut(s.Primary.Addr(), ":")
	s.Replica.Do("REPLICAOF", host, port)
	s.Primary.until("the old primary as a replica", func(said string) bool { return strings.Contains(said, "state=online") }, "INFO", "replication")
	for _, w := range s.watch {
		w.until("a replica to fail over to", func(said string) bool {
			return strings.Contains(said, "role-reported:slave") && strings.Contains(said, "master-link-status:ok")
		}, "SENTINEL", "REPLICAS", master)
	}
}

// number reads the digits that a text begins with.
func number(s string) string { return s[:len(s)-len(strings.TrimLeft(s, "0123456789"))] }
