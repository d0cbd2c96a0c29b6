package main

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
)

// TestChaosOfFailoversIsCharged lets a primary die, hang and be replaced under traffic, while gateways are killed, stopped
// and restarted. Its replica hears of everything a moment late, so that each failover loses the newest writes. What
// was bought or settled in such a moment counts nevertheless: the replica has it, or the gateway's disk (redis.replicas).
func TestChaosOfFailoversIsCharged(t *testing.T) {
	t.Parallel()
	c := newChaos(t, "ann", "bob")
	c.forgets = true
	all := ledgertest.StartSentinels(t)
	all.Watchful(2 * time.Second)
	redis := fmt.Sprintf("url: %q, replicas: 1", all.URL())
	deny := c.gate(redis, "mode: deny", chaosKill, chaosEnd, chaosStop)
	allow := c.gate(redis, chaosAllow, chaosKill, chaosEnd, chaosStop)
	var struck *ledgertest.RedisServer // what the last disturbance has met
	failovers := 0
	c.victim(victim{"primary", []string{chaosKill, chaosStop, chaosVote}, 3 * time.Second}, func(d disturbance) {
		struck = all.Primary
		switch d.Kind {
		case chaosKill:
			struck.Kill()
		case chaosStop:
			struck.Signal(syscall.SIGSTOP)
		default:
			all.Order()
		}
	}, func(d disturbance) {
		if d.Kind != chaosVote {
			all.TakenOver(struck)
		}
		switch d.Kind {
		case chaosKill:
			struck.Start()
		case chaosStop:
			struck.Signal(syscall.SIGCONT)
		}
		all.Whole()
		if all.Primary != struck {
			failovers++
		}
	})
	c.user("ann", 0, false, deny, allow)
	c.user("bob", chaosGrace, false, allow)
	c.run(chaosLength(t), 3)
	t.Logf("%d failovers", failovers)
	if failovers == 0 {
		t.Error("no primary was replaced")
	}
	c.judge(redis)
}
