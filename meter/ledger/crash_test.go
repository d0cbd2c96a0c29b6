package ledger_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
)

// victimDir names the directory in the environment of the process to kill.
const victimDir = "STTGATE_TEST_LEDGER_VICTIM"

const (
	crashSlice   = 500
	crashStreams = 8
)

func crashClock() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

// victim leases, spends and settles until it is killed, and writes a line for
// every amount before it is asked for and after it was answered.
func victim(dir string) {
	s, err := ledger.OpenEmbedded(dir, time.UTC, crashClock)
	if err != nil {
		fmt.Println("fault", err)
		os.Exit(1)
	}
	var mu sync.Mutex
	say := func(line string) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = os.Stdout.WriteString(line) // one write, unbuffered
	}
	for i := range crashStreams {
		go func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("%d-%d-%d", os.Getpid(), i, n)
				if err := one(s, id, int64(100*(1+i)), say); err != nil {
					say(fmt.Sprintf("fault %v\n", err))
				}
			}
		}()
	}
	select {}
}

func one(s *ledger.Embedded, id string, step int64, say func(string)) error {
	ctx, r := context.Background(), ledger.Request{User: "u", Stream: id, Scopes: []ledger.Scope{daily(1 << 40)}}
	for range 10 {
		r.Ceiling = r.Spent + crashSlice
		say(fmt.Sprintf("ask %s %d\n", id, r.Ceiling))
		g, err := s.Lease(ctx, r)
		if err != nil {
			return err
		}
		say(fmt.Sprintf("granted %s %d\n", id, g.Ceiling))
		r.Spent = min(r.Spent+step, g.Ceiling)
		say(fmt.Sprintf("spent %s %d\n", id, r.Spent))
	}
	say(fmt.Sprintf("settling %s %d\n", id, r.Spent))
	if _, err := s.Settle(ctx, r); err != nil {
		return err
	}
	say(fmt.Sprintf("settled %s %d\n", id, r.Spent))
	return nil
}

// told is what a victim said about one stream.
type told struct {
	ask, granted, spent, settling, settled int64
	asked                                  int  // lines before the newest ask
	over                                   int  // lines before settled
	firm                                   bool // the disk has the settle: a lease that was asked for later is answered
}

// least and most bound what must be charged when the process died there: all
// that it had been granted, and no more than it had asked for. A settle that no later
// lease has taken to the disk may be lost.
func (s told) least() int64 {
	if s.settling > 0 {
		return s.settling
	}
	return s.granted
}

func (s told) most() int64 {
	if s.firm {
		return s.settled
	}
	return max(s.ask, s.granted)
}

// note takes the n-th line of a victim down.
func note(streams map[string]*told, fresh map[string]*told, n int, what, id string, ms int64) {
	s := streams[id]
	if s == nil {
		s = &told{}
		streams[id] = s
	}
	*map[string]*int64{"ask": &s.ask, "granted": &s.granted, "spent": &s.spent, "settling": &s.settling, "settled": &s.settled}[what] = ms
	switch what {
	case "ask":
		s.asked = n
	case "settled":
		s.over, fresh[id] = n, s
	case "granted":
		for id, o := range fresh {
			if o.over < s.asked {
				o.firm = true
				delete(fresh, id)
			}
		}
	}
}

func TestKillNeverMakesAudioFree(t *testing.T) {
	dir, streams := t.TempDir(), map[string]*told{}
	for round := range 10 {
		murder(t, dir, rand.IntN(1000), streams)
		var least, most, spent int64
		for _, s := range streams {
			least, most, spent = least+s.least(), most+s.most(), spent+s.spent
		}
		s := openEmbedded(t, dir, crashClock, time.UTC)
		u, err := s.Usage(t.Context(), ledger.Query{User: "u", Scopes: []ledger.Scope{daily(1 << 40)}, Windows: []time.Duration{time.Hour}})
		if err != nil {
			t.Fatal(err)
		}
		used := u.Balances[0].Used
		if used < least || used > most || used < spent || u.Audio[0] != used {
			t.Fatalf("round %d: %d used and %d of audio, want %d to %d; %d spent", round, used, u.Audio[0], least, most, spent)
		}
		if over := used - spent; over > int64(round+1)*crashStreams*crashSlice {
			t.Fatalf("round %d: %d ms too much, more than a slice for each stream that died", round, over)
		}
		for id, said := range streams {
			if said.granted == 0 {
				continue
			}
			if _, err := s.Lease(t.Context(), ledger.Request{User: "u", Stream: id, Ceiling: 1}); !errors.Is(err, ledger.ErrSettled) {
				t.Fatalf("stream %s of a dead process: %v", id, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// murder runs a victim, kills it after some lines and reads what it said until then.
func murder(t *testing.T, dir string, lines int, streams map[string]*told) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0]) //nolint:gosec // this test's own binary
	cmd.Env = append(os.Environ(), victimDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in, fresh := bufio.NewScanner(out), map[string]*told{}
	for n := 0; in.Scan(); n++ {
		if n == lines {
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
		f := strings.Fields(in.Text())
		if f[0] == "fault" {
			t.Fatal(in.Text())
		}
		var ms int64
		if _, err := fmt.Sscan(f[2], &ms); err != nil {
			t.Fatal(err)
		}
		note(streams, fresh, n, f[0], f[1], ms)
	}
	if err := cmd.Wait(); err == nil || in.Err() != nil {
		t.Fatalf("the victim ended by itself: %v, %v", err, in.Err())
	}
}
