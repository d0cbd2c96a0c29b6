package conformance

import (
	"time"

	"github.com/sttgate/sttgate/proxy/fake"
)

// The audio: 16-bit samples at 16 kHz. A session is heard to its end. Where a stream ends before its client is
// through, the client has a talk to say: however late the end reaches it on a busy machine, words are left.
const (
	rate       = 16000
	bytesPerMS = rate * 2 / 1000
	sessionMS  = 3000
	talkMS     = 20_000
	frameBytes = 20 * bytesPerMS
)

// scene is what happens to an SDK.
type scene struct {
	name  string // of the table
	title string // for readers
	// limit is the user's budget, more than the session by default.
	limit time.Duration
	// spent says that nothing of it is left.
	spent bool
	// exhausted is the budget's on_exhausted.
	exhausted string
	// named is who the user is because a trusted peer says so, with another key in the
	// SDK's credential slot; otherwise the slot holds a caller token.
	named bool
	// mints a temporary key through the gateway first, and uses that.
	mints bool
	// vanishes is killed with kill -9 in the middle.
	vanishes bool
	// trouble is what the vendor does, by its name.
	trouble map[string]trouble
	// money is what has to be charged and heard.
	money money
}

// money says what was paid for.
type money int

const (
	whole     money = iota // the whole session, byte for byte
	nothing                // no audio reached the vendor, nothing is charged
	budget                 // the budget to the millisecond, and the vendor heard just that
	asHeard                // what the vendor heard, which is a part, is charged
	forwarded              // what was forwarded is charged; some of it was lost on its way
	free                   // the vendor heard something, and nothing is charged
	inTime                 // what was forwarded before the vendor said no is charged
	answered               // the whole session where the SDK got an answer, by itself trying again; else nothing
)

const upgrade = "GET /"

func first(sc fake.Scenario, on string) trouble { return trouble{sc, on, 1} }

// scenes are those of streams.
func scenes() []scene {
	each := func(d, s, m fake.Scenario) map[string]trouble {
		return map[string]trouble{"deepgram": {d, upgrade, 99}, "soniox": first(s, upgrade), "speechmatics": first(m, upgrade)}
	}
	once := func(d, s, m fake.Scenario) map[string]trouble {
		t := each(d, s, m)
		t["deepgram"] = first(d, upgrade)
		return t
	}
	return []scene{
		{name: "whole", title: "a whole session, with a caller token"},
		{name: "peer", title: "a whole session, for a user whom a trusted peer names", named: true},
		{name: "minted", title: "a whole session, with a temporary key from the gateway", named: true, mints: true},
		{name: "refused", title: "refused at connect: the budget is spent", limit: time.Second, spent: true, money: nothing},
		{name: "cut", title: "cut inside the stream: one second is left", limit: time.Second, money: budget},
		{name: "closed", title: "the same, `on_exhausted: close`", limit: time.Second, exhausted: "close", money: budget},
		{name: "dropped", title: "the same, `on_exhausted: drop`", limit: time.Second, exhausted: "drop", money: budget},
		{
			name: "vendor refuses", title: "the vendor refuses: no credit", money: inTime,
			trouble: each(fake.Refuse402, fake.InBand402, fake.InBand402),
		},
		{
			name: "vendor busy", title: "the vendor refuses: too many streams", money: inTime,
			trouble: each(fake.Refuse429, fake.InBand429, fake.InBand429),
		},
		{
			name: "vendor fails", title: "the vendor fails after a second", money: forwarded,
			trouble: once(fake.Close1011, fake.InBand503, fake.InBand503),
		},
		{
			name: "vendor lost", title: "the vendor's connection breaks after a second", money: forwarded,
			trouble: once(fake.Reset, fake.Reset, fake.Reset),
		},
		{name: "vanishes", title: "the client vanishes (kill -9)", vanishes: true, money: asHeard},
	}
}

// uploads are the scenes of whole files.
func uploads() []scene {
	make1 := map[string]string{"deepgram": "POST /v1/listen", "soniox": "POST /v1/files", "speechmatics": "POST /v2/jobs"}
	on := func(sc fake.Scenario, times int) map[string]trouble {
		t := map[string]trouble{}
		for vendor, path := range make1 {
			t[vendor] = trouble{sc, path, times}
		}
		return t
	}
	credit := on(fake.Refuse402, 99)
	credit["speechmatics"] = trouble{fake.Refuse403, make1["speechmatics"], 99}
	jobs := on(fake.JobError, 1)
	jobs["soniox"] = first(fake.JobError, "POST /v1/transcriptions")
	return []scene{
		{name: "whole", title: "a whole file, with a caller token"},
		{name: "peer", title: "a whole file, for a user whom a trusted peer names", named: true},
		{name: "minted", title: "a whole file, with a temporary key from the gateway", named: true, mints: true},
		{name: "refused", title: "refused: the budget is spent", limit: time.Second, spent: true, money: free},
		{name: "cut", title: "refused: the file is longer than what is left", limit: time.Second, money: free},
		{name: "vendor refuses", title: "the vendor refuses: no credit", money: free, trouble: credit},
		{name: "vendor fails", title: "the vendor fails once (503)", money: answered, trouble: on(fake.Refuse503, 1)},
		{name: "job fails", title: "the vendor takes the file and its job fails", money: free, trouble: jobs},
		{name: "vanishes", title: "the client vanishes (kill -9) in the middle", vanishes: true, money: free},
	}
}
