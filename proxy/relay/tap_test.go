package relay

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestAudioIsAskedOncePerFrameBeforeItPasses(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		tp := &tap{}
		r := newRig(t, p, Config{}, tp)
		c := r.client
		c.write(c.enc(Binary, true, "whole"), c.enc(Binary, false, "ab"), c.enc(Continuation, false, ""), c.enc(Ping, true, ""), c.enc(Continuation, true, "c"), c.enc(Binary, true, ""))
		r.vendor.expect("2:whole", "2+:ab", "0+:", "9:", "0:c", "2:")
		r.s.Abort()
		r.wait()
		want := []string{"5 true true", "2 true false", "0 false false", "1 false true", "0 true true"}
		if !slices.Equal(tp.frames, want) {
			t.Errorf("asked %q, want %q", tp.frames, want)
		}
	})
}

func TestDroppedMessagesAreCutOutWhole(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		for _, chunk := range []int{1, 5, 1 << 20} {
			t.Run(fmt.Sprint(chunk), func(t *testing.T) {
				tp := &tap{audio: func(n int64, _, _ bool) Verdict {
					if n >= 10 {
						return Drop
					}
					return Pass
				}}
				r := newRig(t, p, Config{}, tp)
				c := r.client
				ten := strings.Repeat("d", 10)
				in := cat(
					c.enc(Binary, true, "a"), c.enc(Binary, true, ten), c.enc(Ping, true, "p"), c.enc(Text, true, "t"),
					c.enc(Binary, false, ten), c.enc(Continuation, false, "x"), c.enc(Ping, true, "q"), c.enc(Continuation, true, "y"),
					c.enc(Binary, false, "b"), c.enc(Continuation, false, ten), c.enc(Continuation, true, "z"), c.enc(Binary, true, ten),
					c.enc(Text, false, "u"), c.enc(Continuation, true, "v"), c.enc(Binary, true, "e"),
				)
				for i := 0; i < len(in); i += chunk {
					c.write(in[i:min(i+chunk, len(in))])
				}
				r.vendor.expect("2:a", "9:p", "1:t", "9:q", "2+:b", "0:", "1+:u", "0:v", "2:e")
				r.s.Abort()
				if got := r.wait(); got.ClientBytes != 6 {
					t.Errorf("forwarded %d bytes, want 6", got.ClientBytes)
				}
				told := []string{ // of every frame, those of a dropped message too
					"1 true true", "10 true true", "10 true false", "1 false false", "1 false true",
					"1 true false", "10 false false", "1 false true", "10 true true", "1 true true",
				}
				if !slices.Equal(tp.frames, told) {
					t.Errorf("told of %q, want %q", tp.frames, told)
				}
			})
		}
	})
}

func TestStopDropsEverythingFurther(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		tp := &tap{audio: func(n int64, _, _ bool) Verdict {
			if n == 4 {
				return Stop
			}
			return Pass
		}}
		r := newRig(t, p, Config{}, tp)
		c := r.client
		c.write(c.enc(Binary, true, "a"), c.enc(Binary, true, "stop"), c.enc(Binary, true, "b"), c.enc(Text, true, "c"), c.enc(Ping, true, "d"), c.closing(1000, ""))
		r.vendor.expect("2:a", "8:1000 ")
		r.vendor.close(1000, "")
		r.wait()
		if len(tp.frames) != 2 || len(tp.said()) != 0 {
			t.Errorf("asked about %q and %q behind Stop", tp.frames, tp.said())
		}
	})
}

func TestTextIsSeenWholeAndUnmaskedAndPassesAsItCame(t *testing.T) {
	long := strings.Repeat("long ", 9000)
	for _, chunk := range []int{1 << 20, 8000, 3} {
		eachPath(t, func(t *testing.T, p path) {
			tp := &tap{}
			r := newRig(t, p, Config{}, tp)
			for _, e := range []*end{r.client, r.vendor} {
				other := r.vendor
				if e == r.vendor {
					other = r.client
				}
				in := cat(e.enc(Text, true, "one"), e.enc(Text, false, "t"), e.enc(Continuation, false, ""), e.enc(Continuation, true, "wo"), e.enc(Text, true, ""))
				if chunk > 3 {
					in = cat(in, e.enc(Text, true, long))
				}
				in = cat(in, e.enc(Binary, true, "end"))
				for i := 0; i < len(in); i += chunk {
					e.write(in[i:min(i+chunk, len(in))])
				}
				want := []string{"1:one", "1+:t", "0+:", "0:wo", "1:"}
				if chunk > 3 {
					want = append(want, "1:long lon...45000")
				}
				other.expect(append(want, "2:end")...)
				if got := other.wire.Bytes(); string(got) != string(in) {
					t.Errorf("%s: the bytes are not those that were sent", other.who())
				}
			}
			r.s.Abort()
			r.wait()
			want := []string{"one", "two", ""}
			if chunk > 3 {
				want = append(want, long)
			}
			for i, w := range want {
				if said := tp.said(); said[i] != "c:"+w || said[i+len(want)] != "v:"+w {
					t.Errorf("tap saw %.20q and %.20q, want %.20q", said[i], said[i+len(want)], w)
				}
			}
		})
	}
}

func TestTextCanBeReplacedAndDropped(t *testing.T) {
	edit := func(msg []byte) ([]byte, Verdict, error) {
		switch string(msg) {
		case "shorter":
			return msg[:3], Pass, nil // a piece of the message itself
		case "longer":
			return []byte(strings.Repeat("l", 70000)), Pass, nil
		case "same":
			return []byte("size"), Pass, nil
		case "empty":
			return []byte{}, Pass, nil
		case "drop":
			return nil, Drop, nil
		}
		return nil, Pass, nil
	}
	eachPath(t, func(t *testing.T, p path) {
		for _, from := range []Side{Client, Vendor} {
			for _, chunk := range []int{1 << 20, 2} {
				r := newRig(t, p, Config{}, &tap{client: edit, vendor: edit})
				e, other := r.client, r.vendor
				if from == Vendor {
					e, other = other, e
				}
				var in []byte
				for _, m := range []string{"keep", "shorter", "longer", "same", "drop", "empty", "keep"} {
					in = cat(in, e.enc(Binary, true, "."), e.enc(Text, true, m))
				}
				in = cat(in, e.enc(Text, false, "sho"), e.enc(Continuation, true, "rter"))
				for i := 0; i < len(in); i += chunk {
					e.write(in[i:min(i+chunk, len(in))])
				}
				other.expect("2:.", "1:keep", "2:.", "1:sho", "2:.", "1:llllllll...70000", "2:.", "1:size", "2:.", "2:.", "1:", "2:.", "1:keep", "1:sho")
			}
		}
	})
}

func TestTextThatIsTooLongToGather(t *testing.T) {
	c := Config{MaxText: 100}
	fits, over := strings.Repeat("f", 100), strings.Repeat("o", 101)
	eachPath(t, func(t *testing.T, p path) {
		t.Run("client", func(t *testing.T) {
			for _, in := range []func(e *end) []byte{
				func(e *end) []byte { return e.enc(Text, true, over) },
				func(e *end) []byte { return cat(e.enc(Text, false, fits), e.enc(Continuation, true, "o")) },
				func(e *end) []byte {
					return cat(e.enc(Text, false, ""), []byte(strings.Repeat(string(e.enc(Continuation, false, "")), 100)))
				},
			} {
				r := newRig(t, p, c, &tap{})
				r.client.write(r.client.enc(Text, true, fits), in(r.client))
				r.vendor.expect("1:ffffffff...100", "8:1001 ")
				r.client.expect("8:1009 text message larger than allowed")
				r.client.c.Close()
			}
		})
		t.Run("vendor", func(t *testing.T) {
			tp := &tap{}
			r := newRig(t, p, c, tp)
			v := r.vendor
			in := cat(
				v.enc(Text, true, over), v.enc(Text, false, fits), v.enc(Continuation, false, "o"), v.enc(Continuation, true, "p"),
				v.enc(Text, false, over), v.enc(Continuation, true, "q"), v.enc(Text, true, fits),
			)
			for i := 0; i < len(in); i += 33 {
				v.write(in[i:min(i+33, len(in))])
			}
			r.client.expect("1:oooooooo...101", "1+:ffffffff...100", "0+:o", "0:p", "1+:oooooooo...101", "0:q", "1:ffffffff...100")
			if said := tp.said(); len(said) != 1 || said[0] != "v:"+fits {
				t.Errorf("tap saw %.30q", said)
			}
			r.s.Abort()
			if got := r.wait(); got.VendorBytes != 101+102+102+100 {
				t.Errorf("forwarded %d bytes", got.VendorBytes)
			}
		})
	})
}

func TestSentMessagesWaitForTheEndOfAFragmentedMessage(t *testing.T) {
	eachPath(t, func(t *testing.T, p path) {
		r := newRig(t, p, Config{}, &tap{})
		r.client.write(r.client.enc(Binary, false, "a"))
		r.vendor.expect("2+:a")
		must(t, r.s.Send(Vendor, Text, []byte("ours")))
		must(t, r.s.Send(Vendor, Ping, []byte("now")))
		r.vendor.expect("9:now")
		r.client.write(r.client.enc(Continuation, false, "b"))
		r.vendor.expect("0+:b")
		r.client.write(r.client.enc(Continuation, true, "c"))
		r.vendor.expect("0:c", "1:ours")
	})
}
