package meter

import "time"

// Packets is the clock of headerless packets that say their own time: one Write is one
// packet, whole, as it stood in its message. Such packets do not say where they end, so a
// message that was cut, or two that were joined, cannot be told from another packet.
// An empty packet lasts no time: it is a vendor's sign for the end.
type Packets interface {
	Clock
	// MillisAfter is what the stream would have lasted after one more packet, in whole
	// milliseconds rounded up: what must be bought before it may pass. It changes nothing,
	// so that the packet may as well be dropped. It fails as Write would.
	MillisAfter(packet []byte) (int64, error)
}

// PacketClock is the clock of one codec's packets. It is not safe for concurrent use.
type PacketClock struct {
	pcm     PCM
	samples func(packet []byte) (int, error) // at opusRate, which suits Speex too
}

var _ Packets = (*PacketClock)(nil)

func newPacketClock(samples func(packet []byte) (int, error)) *PacketClock {
	return &PacketClock{pcm: PCM{perSecond: opusRate}, samples: samples}
}

// NewOpusPackets is the clock of raw Opus packets.
func NewOpusPackets() *PacketClock { return newPacketClock(opusSamples) }

// NewSpeexPackets is the clock of raw Speex packets, of any of its three bands.
func NewSpeexPackets() *PacketClock { return newPacketClock(speexSamples) }

// Write counts one packet.
func (c *PacketClock) Write(packet []byte) error {
	n, err := c.time(packet)
	if err == nil {
		c.pcm.Advance(n)
	}
	return err
}

// MillisAfter looks at one packet and counts nothing.
func (c *PacketClock) MillisAfter(packet []byte) (int64, error) {
	n, err := c.time(packet)
	if err != nil {
		return 0, err
	}
	return c.pcm.MillisAfter(n), nil
}

func (c *PacketClock) time(packet []byte) (int64, error) {
	if len(packet) == 0 {
		return 0, nil
	}
	n, err := c.samples(packet)
	return int64(n), err
}

// Elapsed is the time of all packets.
func (c *PacketClock) Elapsed() time.Duration { return c.pcm.Elapsed() }
