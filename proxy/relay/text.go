package relay

// text decides about a frame of a text message. A message that is whole in the
// batch is done then (true); others are gathered, or pass unread.
func (p *pump) text(t *batch, h header, first bool) (done bool, err error) {
	switch {
	case first && h.n > p.maxTxt:
		if p.from == Client {
			return false, tooBig("text message larger than allowed")
		}
	case first && h.fin && int64(len(t.b)-t.i-h.size) >= h.n:
		p.whole(t, h)
		return true, nil
	case first:
		p.raw, p.headers, p.msgMode = slab(), 0, gathering
	case p.msgMode == gathering && p.overfull():
		if p.from == Client {
			return false, tooBig("text message larger than allowed")
		}
		p.spill(t, h)
	}
	return false, nil
}

// overfull says whether a further fragment would make the gathered message too
// large. Headers count too: endless empty fragments must not grow it for ever.
func (p *pump) overfull() bool {
	return p.msgLen > p.maxTxt || int64(p.headers) > p.maxTxt
}

// spill gives up gathering: the frames so far go out, and the rest of the message passes unread.
func (p *pump) spill(t *batch, h header) {
	p.flush(t)
	n := len(*p.raw)
	p.outMsg = true
	p.out.write(*p.raw, mark{frameAt: n, inMsg: true})
	p.bytes += p.msgLen - h.n
	p.msgMode = passing
	p.dropGathered()
}

// dropGathered forgets it.
func (p *pump) dropGathered() {
	if p.raw != nil {
		giveSlab(p.raw)
		p.raw = nil
	}
}

// whole handles a text message that is one frame inside the batch.
func (p *pump) whole(t *batch, h header) {
	size := h.size + int(h.n)
	msg := t.b[t.i+h.size : t.i+size]
	if p.masked {
		// Unmasked in a copy: the original passes as it came.
		s := slab()
		defer giveSlab(s)
		*s = append(*s, msg...)
		msg = *s
		xor(msg, h.mask)
	}
	replace, pass := p.ask(msg)
	switch {
	case !pass:
		t.i += size
		return
	case replace == nil:
		t.keep(size)
		p.bytes += h.n
	case frameSize(len(replace), p.out.masked) <= t.i+size-t.w:
		p.replaceIn(t, replace, size)
	default:
		t.i += size
		p.flush(t)
		p.replaceOut(replace)
		return
	}
	t.frameAt, t.msgAt = t.w, t.w
}

// replaceIn puts a replacement where the message was, so that the batch stays one
// write. The replacement may be a piece of the message itself.
func (p *pump) replaceIn(t *batch, replace []byte, size int) {
	n := len(replace)
	at := t.w + frameSize(n, p.out.masked) - n
	copy(t.b[at:at+n], replace)
	_, mask := appendHeader(t.b[t.w:t.w], Text, n, p.out.masked)
	if p.out.masked {
		xor(t.b[at:at+n], mask)
	}
	t.w = at + n
	t.i += size
	p.bytes += int64(n)
}

// replaceOut writes a replacement on its own.
func (p *pump) replaceOut(replace []byte) {
	f := slab()
	defer giveSlab(f)
	*f = appendFrame(*f, Text, replace, p.out.masked)
	p.out.write(*f, mark{frameAt: len(*f), msgAt: len(*f)})
	p.bytes += int64(len(replace))
}

// gathered handles a gathered message that has its last frame now.
func (p *pump) gathered(t *batch) {
	defer p.dropGathered()
	if p.discarding() {
		return
	}
	s := slab()
	defer giveSlab(s)
	*s = p.join((*s)[:0])
	replace, pass := p.ask(*s)
	if !pass {
		return
	}
	p.flush(t)
	if replace != nil {
		p.replaceOut(replace)
		return
	}
	n := len(*p.raw)
	p.out.write(*p.raw, mark{frameAt: n, msgAt: n})
	p.bytes += p.msgLen
}

// join appends the unmasked payloads of the gathered frames.
func (p *pump) join(dst []byte) []byte {
	for raw := *p.raw; len(raw) > 0; {
		h, _ := parse(raw, p.masked) // was parsed before
		at := len(dst)
		dst = append(dst, raw[h.size:h.size+int(h.n)]...)
		if p.masked {
			xor(dst[at:], h.mask)
		}
		raw = raw[h.size+int(h.n):]
	}
	return dst
}

// ask shows a whole message to the Tap.
func (p *pump) ask(msg []byte) (replace []byte, pass bool) {
	read := p.tap.ClientText
	if p.from == Vendor {
		read = p.tap.VendorText
	}
	replace, v, err := read(msg)
	if err != nil {
		p.tapErr, p.discard = err, true
		return nil, false
	}
	if v == Stop {
		p.gate.Store(gateShut) // stops the client, from the vendor's goroutine too
	}
	return replace, v == Pass
}
