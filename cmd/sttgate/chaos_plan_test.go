package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
)

// What may be done to a victim, and undone.
const (
	chaosKill = "kill" // kill -9; undone by a start
	chaosStop = "stop" // SIGSTOP; undone by SIGCONT
	chaosCut  = "cut"  // nobody listens and what was connected is closed
	chaosTox  = "toxic"
	chaosEnd  = "end"      // SIGTERM, and a wait for the exit; undone by a start
	chaosVote = "failover" // by an operator's word, in the middle of traffic
)

// disturbance is one thing that goes wrong for a while.
type disturbance struct {
	From, Until time.Duration
	Victim      string
	Kind        string
	Toxic       toxic // of chaosTox
}

func (d disturbance) String() string {
	s := fmt.Sprintf("%7.3fs for %5.3fs  %-10s %s", d.From.Seconds(), (d.Until - d.From).Seconds(), d.Victim, d.Kind)
	if d.Kind == chaosTox {
		b, _ := json.Marshal(d.Toxic) // it is plain data
		s += " " + string(b)
	}
	return s
}

// victim is something that is disturbed: by one thing at a time.
type victim struct {
	name    string
	kinds   []string
	longest time.Duration // of a disturbance
}

// planChaos is a sequence of disturbances that overlap between victims. It is a function of its
// arguments: a seed that has found something finds it again, as far as processes allow.
func planChaos(seed uint64, length, pause time.Duration, victims []victim) []disturbance {
	rng := rand.New(rand.NewPCG(seed, 17)) //nolint:gosec // chance, not a secret
	busy := map[string]time.Duration{}
	var out []disturbance
	for now := time.Duration(0); ; {
		now += pause/4 + upTo(rng, pause)
		v := victims[rng.IntN(len(victims))]
		d := disturbance{From: now, Victim: v.name, Kind: v.kinds[rng.IntN(len(v.kinds))], Until: now + 50*time.Millisecond + upTo(rng, v.longest)}
		if d.Kind == chaosTox {
			d.Toxic = anyToxic(rng)
		}
		if now >= length {
			return out
		}
		if now < busy[v.name] {
			continue
		}
		busy[v.name] = d.Until
		out = append(out, d)
	}
}

// upTo draws a time below d.
func upTo(rng *rand.Rand, d time.Duration) time.Duration { return time.Duration(rng.Int64N(int64(d))) }

// anyToxic draws one of the ways in which a network is bad.
func anyToxic(rng *rand.Rand) toxic {
	t := toxic{Name: "chaos", Stream: []string{"upstream", "downstream"}[rng.IntN(2)], Toxicity: []float64{1, 1, 0.5}[rng.IntN(3)]}
	switch rng.IntN(7) {
	case 0, 1:
		t.Type, t.Attributes = "latency", map[string]int{"latency": 20 + rng.IntN(2000), "jitter": rng.IntN(200)}
	case 2:
		t.Type, t.Attributes = "timeout", map[string]int{"timeout": rng.IntN(2) * rng.IntN(800)} // 0 is a black hole
	case 3:
		t.Type, t.Attributes = "reset_peer", map[string]int{"timeout": rng.IntN(200)}
	case 4: // what it cuts are replies to what was carried out
		t.Stream, t.Type, t.Attributes = "downstream", "limit_data", map[string]int{"bytes": rng.IntN(3000)}
	case 5:
		t.Type, t.Attributes = "slow_close", map[string]int{"delay": rng.IntN(1000)}
	default:
		t.Type, t.Attributes = "slicer", map[string]int{"average_size": 64, "size_variation": 32, "delay": rng.IntN(2000)}
	}
	return t
}

func TestAPlanOfChaosIsItsSeeds(t *testing.T) {
	t.Parallel()
	victims := []victim{{"a", []string{chaosKill, chaosStop}, time.Second}, {"b", []string{chaosTox, chaosCut}, time.Second}}
	one, two := planChaos(7, time.Minute, 400*time.Millisecond, victims), planChaos(7, time.Minute, 400*time.Millisecond, victims)
	if len(one) < 50 || !reflect.DeepEqual(one, two) {
		t.Errorf("%d disturbances; two plans of one seed differ", len(one))
	}
	if reflect.DeepEqual(one, planChaos(8, time.Minute, 400*time.Millisecond, victims)) {
		t.Error("another seed is another plan")
	}
	until := map[string]time.Duration{}
	for _, d := range one {
		if d.From < until[d.Victim] {
			t.Errorf("%v: it is disturbed already", d)
		}
		until[d.Victim] = d.Until
	}
	if !slices.IsSortedFunc(one, func(a, b disturbance) int { return int(a.From - b.From) }) {
		t.Error("a plan is in the order of time")
	}
}
