//go:build linux

package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestTheServersBooksAreRead(t *testing.T) {
	info := parseInfo("# CPU\r\nused_cpu_user_main_thread:1.250000\r\nused_cpu_sys_main_thread:0.750000\r\n" +
		"total_net_input_bytes:1000\r\ntotal_net_output_bytes:200\r\naof_current_size:30\r\nused_memory:4096\r\n" +
		"cmdstat_eval:calls=2,usec=10,usec_per_call=5.00\r\ncmdstat_evalsha:calls=41,usec=1,usec_per_call=1.00,rejected_calls=0,failed_calls=1\r\nexecutable:/usr/bin/a:b\r\n")
	a, err := accountOf(info)
	if want := (account{cpu: 2 * time.Second, calls: 42, in: 1000, out: 200, log: 30, memory: 4096}); err != nil || a != want {
		t.Errorf("%+v, %v; want %+v", a, err, want)
	}
	if info["executable"] != "/usr/bin/a:b" {
		t.Errorf("%q", info["executable"])
	}
	b := a
	b.cpu, b.calls, b.in = 3*time.Second, 50, 1100
	if got := b.since(a); got.cpu != time.Second || got.calls != 8 || got.in != 100 || got.memory != 0 {
		t.Errorf("%+v", got)
	}
	delete(info, "used_memory")
	if _, err := accountOf(info); err == nil || !strings.Contains(err.Error(), "used_memory") {
		t.Errorf("a server without memory: %v", err)
	}
	if got := callsIn("usec=3"); got != 0 {
		t.Errorf("%d calls", got)
	}
}

const benchPage = `
### dense-tls

| proxy                      | CPU per frame, µs (lowest–highest) |
| -------------------------- | ---------------------------------- |
| sttgate relay, no metering | 28.84 (27.34–30.33)                |
| sttgate serve              | 30.00 (28.10–32.54)                |

### handshake

| proxy         | CPU per handshake, µs |
| sttgate serve | 600 (500–700)         |

### idle-tls

| proxy         | KiB |
| sttgate serve | 16.0 (16.0–16.0) |
`

func TestTheGatewaysCostIsTakenFromItsPage(t *testing.T) {
	g, err := parseGatewayCost(benchPage)
	if want := (gatewayCost{Frame: 30 * time.Microsecond, Handshake: 600 * time.Microsecond, Memory: 16}); err != nil || g != want {
		t.Errorf("%+v, %v; want %+v", g, err, want)
	}
	if _, err := readGatewayCost("../../docs/benchmarks.md"); err != nil {
		t.Errorf("the page of this tree: %v", err)
	}
	for _, bad := range []string{
		"", strings.Replace(benchPage, "30.00", "about 30", 1), strings.Replace(benchPage, "### idle-tls", "### idle", 1),
		strings.Replace(benchPage, "| sttgate serve | 600", "| nginx | 600", 1),
	} {
		if _, err := parseGatewayCost(bad); err == nil {
			t.Errorf("%q passed", bad)
		}
	}
}

func TestWhatIsNeededGrowsWithStreamsAndFallsWithTheSlice(t *testing.T) {
	g := gatewayCost{Frame: 30 * time.Microsecond, Handshake: 600 * time.Microsecond, Memory: 16}
	c := streamCost{Minute: 18, Life: 3, CPU: 100 * time.Microsecond, In: 500, Out: 100, Log: 400, Rest: 1000, Running: 400, Mark: 200, Read: 200 * time.Microsecond}
	n := needOf(180_000, g, c, 5*time.Second, 5*time.Second)
	// 180 000 x 50 x 30 µs = 270 cores and 1000 handshakes of 600 µs; 54 000 leases and 3000 more calls a second.
	if n.Opens != 1000 || n.FrameCores < 270.59 || n.FrameCores > 270.61 || n.Gateways != 113 || n.Calls != 57_000 {
		t.Errorf("%+v", n)
	}
	if n.RedisCores < 5.69 || n.RedisCores > 5.71 || n.CapCores < 0.59 || n.CapCores > 0.61 || n.Shards != 11 || n.Connections != 226 || n.In != 57_000*500 {
		t.Errorf("%+v", n)
	}
	// Ten users each at rest, what runs, and four hours of marks.
	if want := 180_000*10*1000.0 + 180_000*400 + 1000*14_400*200; n.RedisMem != want {
		t.Errorf("%.0f bytes, want %.0f", n.RedisMem, want)
	}
	if slow := needOf(180_000, g, c, 5*time.Second, 10*time.Second); slow.Calls != 30_000 || slow.Shards != 6 {
		t.Errorf("%+v", slow)
	}
	if one := needOf(1, g, c, 5*time.Second, 5*time.Second); one.Gateways != 1 || one.Shards != 1 {
		t.Errorf("%+v", one)
	}
	if got := hotStreams(c, 200*time.Microsecond, 5*time.Second, 5*time.Second); got != 9473 {
		t.Errorf("%d streams on one key", got) // 3000 calls/s of 0.3 + 1/60 each
	}
}

func TestTheHotKeysCallIsWhatTheUsersOwnLeaves(t *testing.T) {
	rows := []ceilingRow{{What: kindPlain, CPU: 80 * time.Microsecond}, {What: kindDay}, {What: kindBreaker, CPU: 100 * time.Microsecond}}
	if got := hotKey(rows); got.CPU != 120*time.Microsecond || got.most() < 8333 || got.most() > 8334 {
		t.Errorf("%+v, %.0f", got, got.most())
	}
	if got := (ceilingRow{}).most(); got != 0 {
		t.Errorf("%v calls in no time", got)
	}
}

func TestARunOfSomeCasesReplacesItsOwnTables(t *testing.T) {
	old := "\n\nMeasured then.\n\n### One\n\n| 1 |\n\n### Two\n\n| 2 |\n\n"
	got := mergeSections(old, "\n### Two\n\nMeasured now.\n\n| 22 |\n\n### Three\n\n| 3 |\n")
	want := "Measured then.\n\n### One\n\n| 1 |\n\n### Two\n\nMeasured now.\n\n| 22 |\n\n### Three\n\n| 3 |\n"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := mergeSections("", "\n### One\n\n| 1 |\n"); got != "### One\n\n| 1 |\n" {
		t.Errorf("into an empty page: %q", got)
	}
}

func TestStreamsAreScatteredEvenly(t *testing.T) {
	var hits [10]int
	for i := range 10_000 {
		hits[scatter(i, len(hits))]++
	}
	for i, n := range hits {
		if n < 900 || n > 1100 {
			t.Errorf("%d of 10 000 in part %d", n, i)
		}
	}
}

func TestThousandsAreSetApart(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1 000", 31_250: "31 250", 1_000_000: "1 000 000"} {
		if got := thousands(n); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestWrongFlagsOfTheLedgersPartAreNamed(t *testing.T) {
	for _, args := range [][]string{{"x"}, {"-only", "calls,nothing"}, {"-streams", "0"}, {"-window", "0s"}, {"-shards", "-1"}} {
		var said bytes.Buffer
		if _, err := parseLedger(args, &said); err == nil || said.Len() == 0 {
			t.Errorf("%v: %v, %q", args, err, said.String())
		}
	}
	if o, err := parseLedger([]string{"-quick"}, &bytes.Buffer{}); err != nil || o.streams != 300 || o.share() != 300 {
		t.Errorf("%+v, %v", o, err)
	}
}

// TestTheLedgersPartRuns plays the smallest run of the cases that stand for the others on a real server.
// It asserts what is exact, on any machine: calls and bytes, not times.
func TestTheLedgersPartRuns(t *testing.T) {
	s, err := startRedis(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	o := ledgerOptions{quick: true, streams: 20, million: 40, shards: 2, users: 50, gateways: 2, window: time.Second, slice: 5 * time.Second}
	row, err := countCalls(t.Context(), s, kindNamed(kindDay), 2, time.Minute, o.slice)
	if err != nil || row.Minute < 17 || row.Minute > 19 || row.Life != 3 || row.In < 300 || row.Out < 50 || row.Log < 100 {
		t.Errorf("%+v, %v; want 18 calls a minute and 3 beside", row, err)
	}
	weight, err := memoryOf(t.Context(), s, kindNamed(kindDay), habits()[1], "smoke")
	if err != nil || weight.Rest < 500 || weight.Stream < 100 || weight.Mark < 50 {
		t.Errorf("%+v, %v", weight, err)
	}
	people, rows, err := shardCase(t.Context(), s, o)
	if err != nil || len(rows) != 2 || people.Users != 50 || people.Keys < 50 || people.Memory == 0 || rows[0].Streams != 20 {
		t.Fatalf("%+v, %+v, %v", people, rows, err)
	}
	b := ledgerBook{
		Calls: []callsRow{row}, Memory: []memoryRow{weight, weight}, Shard: rows, People: people, o: o,
		Ceiling: []ceilingRow{{What: kindPlain, CPU: time.Millisecond}}, Read: make([]readRow, 2), gateway: gatewayCost{time.Microsecond, time.Millisecond, 1},
	}
	for _, want := range []string{"a day's budget", "One of 2 shards of 40 streams", "while the log is rewritten", "1 000 000", "ledger.slice"} {
		if page := b.page(); !strings.Contains(page, want) {
			t.Errorf("%q is not in\n%s", want, page)
		}
	}
}
