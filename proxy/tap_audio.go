package proxy

import (
	"errors"
	"time"

	"github.com/sttgate/sttgate/meter"
	"github.com/sttgate/sttgate/proxy/provider"
	"github.com/sttgate/sttgate/proxy/relay"
)

// The way of an audio message through a tap. What is bought, passes; what is not, is dropped
// or ends the stream.
//
//	frame ──► Audio ──┬─ its length is enough ───────────────► count ──┬─► Pass
//	                  └─ Show, Gather ──► Payload ──┬─ container ──────┤
//	                                                ├─ packet ─────────┼─► unpaid ──► Drop, or the end
//	                                                └─ may be one ─► count

// Audio buys the message's time and lets it pass, or drops it whole; or asks to see it.
func (t *tap) Audio(n int64, first, last bool) relay.Verdict {
	if !t.sound.known() && !t.learn() {
		return relay.Stop
	}
	if !t.paced("") {
		return relay.Stop
	}
	if t.sound.packets != nil && !(n == 0 && first && last) {
		return relay.Gather
	}
	return t.audio(provider.Audio{Bytes: n, First: first, Last: last})
}

// spoken is audio in a text message.
func (t *tap) spoken(a provider.Audio) relay.Verdict {
	switch {
	case !t.sound.known() && !t.learn():
		return relay.Stop
	case t.sound.counter == nil:
		return t.lost("audio in text messages must be headerless: send a container in binary messages")
	}
	if !t.paced(a.Channel) {
		return relay.Stop
	}
	t.sound.claim = nil // nobody decodes it here
	return t.audio(a)
}

func (t *tap) audio(a provider.Audio) relay.Verdict {
	t.cut = t.cut && !a.First
	switch {
	case t.cut, t.dropping.Load() && t.route.DropFinal: // the rest of a message that lost its beginning, or of a stream
		return t.drop(a, nil)
	case a.Bytes == 0: // the vendor's end of stream, not audio
		t.session.Forwarded(a, t.sound.elapsed())
		return relay.Pass
	case t.dropping.Load() && t.misplaced():
		return t.drop(a, nil)
	case t.sound.outside:
		return t.unmeasured(a)
	case t.sound.counter == nil || t.sound.claim != nil:
		t.frame = a.Bytes
		return relay.Show
	}
	return t.count(a)
}

// Payload decides about audio that had to be seen.
func (t *tap) Payload(p []byte, first, last bool) relay.Verdict {
	t.frame -= int64(len(p))
	a := provider.Audio{Bytes: int64(len(p)), First: first, Last: last}
	switch {
	case t.sound.packets != nil:
		return t.packet(p)
	case t.sound.counter == nil:
		return t.content(p, a)
	case t.sound.claim != nil:
		if err := t.sound.check(p); err != nil {
			return t.lost(unreadable(err))
		}
	}
	return t.count(a)
}

// count buys headerless audio by its length.
func (t *tap) count(a provider.Audio) relay.Verdict {
	c := t.sound.counter
	need, err := t.purse.buy(c.MillisAfter(a.Bytes))
	if err != nil {
		return t.unpaid(a, nil, need, err)
	}
	c.Advance(a.Bytes)
	return t.passes(a, c.Elapsed())
}

// packet buys a message that is one packet. Where it is not paid, its time does not count.
func (t *tap) packet(p []byte) relay.Verdict {
	a := provider.Audio{Bytes: int64(len(p)), First: true, Last: true}
	if err := t.sound.bare(p); err != nil {
		return t.lost(unreadable(err))
	}
	ms, err := t.sound.packets.MillisAfter(p)
	switch {
	case err != nil:
		return t.lost(unreadable(err))
	case t.dropping.Load() && t.route.DropFinal:
		return t.drop(a, p)
	}
	need, err := t.purse.buy(ms)
	if err != nil {
		return t.unpaid(a, p, need, err)
	}
	if err := t.sound.packets.Write(p); err != nil { // it has just been read
		return t.lost(unreadable(err))
	}
	return t.passes(a, t.sound.packets.Elapsed())
}

// content buys the time that bytes of a container add. They are read first, for only that tells.
func (t *tap) content(p []byte, a provider.Audio) relay.Verdict {
	if t.sound.outside { // since the beginning of this frame
		return t.unmeasured(a)
	}
	if err := t.sound.read(p); err != nil {
		if !t.gate.unmeasured() || !t.sound.leave(err) {
			return t.lost(unreadable(err))
		}
		t.purse.unmeasured(t.now())
		return t.unmeasured(a)
	}
	if t.route.PerChannel {
		t.purse.weight.Store(max(t.route.Weight, 1) * int64(max(t.sound.info().Channels, 1)))
	}
	elapsed := t.sound.elapsed()
	need, err := t.purse.buy(millis(elapsed))
	if err != nil {
		return t.unpaid(a, nil, need, err)
	}
	return t.passes(a, elapsed)
}

// unmeasured lets audio pass that the wall clock pays, or the vendor's figure.
func (t *tap) unmeasured(a provider.Audio) relay.Verdict {
	need, err := t.purse.buy(0)
	if err != nil {
		return t.unpaid(a, nil, need, err)
	}
	return t.passes(a, time.Duration(t.purse.vendors.Load())*time.Millisecond)
}

// passes notes what has been bought.
func (t *tap) passes(a provider.Audio, elapsed time.Duration) relay.Verdict {
	t.resume()
	if !t.tempo.free() {
		t.tempo.passed(a.Channel, elapsed-time.Duration(t.forwardedTime.Load()), t.now())
	}
	t.forwarded.Add(a.Bytes)
	t.forwardedTime.Store(int64(elapsed))
	t.session.Forwarded(a, elapsed)
	return relay.Pass
}

// paced holds back what comes faster than the stage of its user lets pass: the client is not read meanwhile. False
// says that the stream ended over it, so that nothing more is to be bought. A vendor that hears nothing for long would close.
func (t *tap) paced(channel string) (open bool) {
	if t.tempo.free() {
		return true
	}
	kept := false
	defer func() {
		if kept && !t.dropping.Load() {
			t.keepalives.stop()
		}
	}()
	for d := t.tempo.wait(channel, t.now()); d > 0; d = t.tempo.wait(channel, t.now()) {
		if d > provider.KeepaliveEvery {
			kept = true
			t.keepalives.start(t.stream, t.session)
		}
		if !t.stream.Pause(relay.Client, min(d, paceLook)) {
			return false
		}
	}
	return true
}

// learn makes the clock of what the client has declared. Audio that nobody can
// count is free audio: without a clock there is no stream.
func (t *tap) learn() bool {
	f, ok := t.session.Format()
	if !ok {
		t.lost("audio came before the message that declares its format")
		return false
	}
	if err := t.sound.open(f); err != nil {
		t.lost(err.Error())
		return false
	}
	return true
}

// misplaced says whether a message that could be bought again must be dropped all the
// same: resuming inside a sample would garble everything after it.
func (t *tap) misplaced() bool { return t.skipped%t.sound.boundary != 0 }

// lost ends a stream that is not understood, or not any longer.
func (t *tap) lost(why string) relay.Verdict {
	t.end(deny(provider.Unsupported, why))
	return relay.Stop
}

func unreadable(err error) string {
	hint := ""
	if !errors.Is(err, meter.ErrMalformed) {
		hint = "; the operator can let such audio pass with meter.unmeasured: vendor"
	}
	return "this audio cannot be measured: " + err.Error() + hint
}

// unpaid decides what happens to a message that could not be bought; packet is what there is to see of it.
func (t *tap) unpaid(a provider.Audio, packet []byte, need int64, err error) relay.Verdict {
	d, violated := t.purse.why(need, err)
	d.RequestID = t.request
	if violated == nil || !t.sound.droppable() || !t.gate.drops(violated.Violated, t.route) {
		t.endUnpaid(d, violated)
		return relay.Stop
	}
	t.denial = d
	if !t.dropping.Load() {
		t.dropping.Store(true)
		t.skipped = 0
		t.gate.decided(*violated, nil)
		t.refused(Dropping, d)
		t.keepalives.start(t.stream, t.session)
	}
	if now := t.now(); now.Sub(t.asked) >= askEvery {
		t.asked = now
		t.purse.account.Ask(need)
	}
	return t.drop(a, packet)
}

// drop counts a message, or a fragment of one, that does not pass. Of a frame that was shown in
// pieces the rest is not shown any more.
func (t *tap) drop(a provider.Audio, packet []byte) relay.Verdict {
	if packet == nil {
		a.Bytes, t.frame = a.Bytes+t.frame, 0
	}
	a.Time = t.sound.drop(a.Bytes, packet)
	t.cut = true
	t.skipped += a.Bytes
	t.dropped.Add(a.Bytes)
	t.droppedTime.Add(int64(a.Time))
	t.lock(relay.Client)
	defer t.owed.Unlock()
	for _, m := range t.session.Drop(a, *t.denial) {
		t.owe(m)
	}
	return relay.Drop
}

func (t *tap) resume() {
	if t.dropping.Load() {
		t.dropping.Store(false)
		t.keepalives.stop()
	}
}
