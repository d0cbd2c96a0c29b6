package meter_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter"
)

// oggPackets takes the packets out of an Ogg file of one stream.
func oggPackets(file []byte) (packets [][]byte) {
	var packet []byte
	for len(file) >= 27 {
		lacing := file[27 : 27+file[26]]
		body := file[27+len(lacing):]
		for _, n := range lacing {
			packet = append(packet, body[:n]...)
			if body = body[n:]; n < 255 {
				packets, packet = append(packets, packet), nil
			}
		}
		file = body
	}
	return packets
}

// bits packs fields of {value, width}.
func bits(fields ...[2]int) []byte {
	var p []byte
	at := 0
	for _, f := range fields {
		for i := f[1] - 1; i >= 0; i-- {
			if at%8 == 0 {
				p = append(p, 0)
			}
			p[at/8] |= byte(f[0]>>i&1) << (7 - at%8)
			at++
		}
	}
	return p
}

func TestSpeexPacketsSayHowManyFramesTheyHold(t *testing.T) {
	nb := func(mode, size int) [][2]int { return [][2]int{{0, 1}, {mode, 4}, {0, size - 5}} }
	wb := func(mode, size int) [][2]int { return [][2]int{{1, 1}, {mode, 3}, {0, size - 4}} }
	row := func(parts ...[][2]int) []byte {
		var all [][2]int
		for _, p := range parts {
			all = append(all, p...)
		}
		return bits(all...)
	}
	end := [][2]int{{15, 5}}
	for name, c := range map[string]struct {
		packet []byte
		frames int
	}{
		"nothing":                          {nil, 0},
		"narrow band, mode 5":              {row(nb(5, 300), end), 1},
		"three frames":                     {row(nb(3, 160), nb(8, 79), nb(7, 492), end), 3},
		"wide band":                        {row(nb(5, 300), wb(3, 192), end), 1},
		"wide band, two frames":            {row(nb(5, 300), wb(3, 192), nb(1, 43), wb(1, 36), end), 2},
		"ultra-wide band":                  {row(nb(6, 364), wb(4, 352), wb(1, 36), end), 1},
		"silence":                          {row(nb(0, 5), end), 1},
		"a message in the band":            {row(nb(5, 300), [][2]int{{14, 5}, {2, 4}, {0, 4}}, nb(5, 300), end), 2},
		"a message to the user":            {row([][2]int{{13, 5}, {2, 4}, {0xabc, 16}}, nb(5, 300), end), 1},
		"a mode that does not exist":       {row([][2]int{{10, 5}, {0, 60}}), 1},
		"a frame and garbage":              {row(nb(4, 220), [][2]int{{9, 5}, {0, 60}}), 1},
		"a layer that does not exist":      {row(nb(4, 220), [][2]int{{1, 1}, {7, 3}, {0, 60}}), 1},
		"the end at once":                  {row(end), 1},
		"cut":                              {row(nb(5, 300), nb(5, 300))[:50], 2},
		"no terminator, fewer than 5 bits": {row(nb(8, 79)), 1},
	} {
		c2 := meter.NewSpeexPackets()
		ms, err := c2.MillisAfter(c.packet)
		if werr := c2.Write(c.packet); err != nil || werr != nil {
			t.Fatal(name, err, werr)
		}
		if want := time.Duration(c.frames) * 20 * time.Millisecond; c2.Elapsed() != want || ms != want.Milliseconds() {
			t.Errorf("%s: %v, %d ms ahead, want %v", name, c2.Elapsed(), ms, want)
		}
	}
}

func TestSpeexPacketsOfSpeech(t *testing.T) {
	c := meter.NewSpeexPackets()
	for _, p := range oggPackets(mustRead(t, "testdata/jfk-speex.ogg"))[2:] {
		if err := c.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	if e := c.Elapsed(); e < 11*time.Second || e > 11*time.Second+20*time.Millisecond {
		t.Errorf("%v of 11 s", e)
	}
}

func TestOpusPacketsSayTheirTime(t *testing.T) {
	c := meter.NewOpusPackets()
	for _, p := range [][]byte{{0x08, 1, 2}, {}, {0xfb, 3}, {0x80}} { // 20 ms, the end, 3 times 20 ms, 2.5 ms
		ahead, err := c.MillisAfter(p)
		if werr := c.Write(p); err != nil || werr != nil {
			t.Fatal(err, werr)
		}
		if now, _ := c.MillisAfter(nil); now != ahead {
			t.Errorf("%d ms ahead, %d then", ahead, now)
		}
	}
	if want := 82500 * time.Microsecond; c.Elapsed() != want {
		t.Errorf("%v, want %v", c.Elapsed(), want)
	}
	bad := []byte{0x1b, 3} // 180 ms
	if _, err := c.MillisAfter(bad); !errors.Is(err, meter.ErrMalformed) {
		t.Error(err)
	}
	if err := c.Write(bad); !errors.Is(err, meter.ErrMalformed) || c.Elapsed() != 82500*time.Microsecond {
		t.Error(err, c.Elapsed())
	}
}

func TestG729CountsTensOfBytesAndSilence(t *testing.T) {
	for name, c := range map[string]struct {
		pieces []int64
		want   time.Duration
	}{
		"a frame":                       {[]int64{10}, 10 * time.Millisecond},
		"20 ms":                         {[]int64{20}, 20 * time.Millisecond},
		"cut anywhere":                  {[]int64{1, 7, 3, 9}, 20 * time.Millisecond},
		"a silence descriptor":          {[]int64{2}, 10 * time.Millisecond},
		"frames and a descriptor":       {[]int64{22, 22}, 60 * time.Millisecond},
		"a big piece":                   {[]int64{512}, 512 * time.Millisecond},
		"an hour":                       {[]int64{3_600_000}, time.Hour},
		"nothing":                       {[]int64{0}, 0},
		"descriptors, nothing but":      {[]int64{2, 2, 2, 2, 2}, 50 * time.Millisecond},
		"the longest that is looked at": {[]int64{62}, 70 * time.Millisecond},
		"one that is longer":            {[]int64{72}, 72 * time.Millisecond},
	} {
		advanced, written := meter.NewG729(), meter.NewG729()
		for _, n := range c.pieces {
			ahead := advanced.MillisAfter(n)
			advanced.Advance(n)
			if now := advanced.MillisAfter(0); now != ahead {
				t.Errorf("%s: %d ms ahead, %d then", name, ahead, now)
			}
			_ = written.Write(make([]byte, n))
		}
		if advanced.Elapsed() != c.want || written.Elapsed() != c.want {
			t.Errorf("%s: %v, %v, want %v", name, advanced.Elapsed(), written.Elapsed(), c.want)
		}
	}
	mustPanic(t, func() { meter.NewG729().Advance(-8) })
}

func FuzzPackets(f *testing.F) {
	f.Add(bits([2]int{0, 1}, [2]int{5, 4}, [2]int{0, 295}, [2]int{15, 5}), []byte{0xfb, 3})
	f.Add([]byte{}, []byte{0x08, 1, 2})
	f.Fuzz(func(t *testing.T, one, two []byte) {
		for most, c := range map[int64]meter.Packets{120: meter.NewOpusPackets(), 20 * (1 + 8*int64(max(len(one), len(two)))/5): meter.NewSpeexPackets()} {
			for _, packet := range [][]byte{one, two, one} {
				before := c.Elapsed()
				ms, err := c.MillisAfter(packet)
				werr := c.Write(packet)
				lasts := c.Elapsed() - before
				switch {
				case (err == nil) != (werr == nil), err != nil && (lasts != 0 || !errors.Is(err, meter.ErrMalformed)):
					t.Fatalf("%x: %v ahead, %v then, %v", packet, err, werr, lasts)
				case err == nil && (ms != (c.Elapsed()+time.Millisecond-1).Milliseconds() || lasts < 0 || lasts == 0 && len(packet) > 0 || lasts > time.Duration(most)*time.Millisecond):
					t.Fatalf("%x: %v, %d ms ahead, %v then", packet, lasts, ms, c.Elapsed())
				}
			}
		}
	})
}

func FuzzG729(f *testing.F) {
	f.Add(int64(10), int64(2))
	f.Fuzz(func(t *testing.T, a, b int64) {
		c := meter.NewG729()
		for _, n := range []int64{a & 0xffff, b & 0xffff} {
			ahead, before := c.MillisAfter(n), c.Elapsed()
			c.Advance(n)
			if lasts := (c.Elapsed() - before).Milliseconds(); c.MillisAfter(0) != ahead || lasts < n || lasts > n+8 {
				t.Fatalf("%d bytes: %d ms; %d ahead", n, lasts, ahead)
			}
		}
	})
}

func BenchmarkSpeexPackets(b *testing.B) {
	packet := bits([2]int{0, 1}, [2]int{5, 4}, [2]int{0, 295}, [2]int{1, 1}, [2]int{3, 3}, [2]int{0, 188}, [2]int{15, 5})
	c := meter.NewSpeexPackets()
	b.ReportAllocs()
	for b.Loop() {
		_, _ = c.MillisAfter(packet)
		_ = c.Write(packet)
	}
}
