package relay

// maxShown bounds what is kept of audio that the Tap has to read: a frame that does not come
// in one read, a message in fragments. Recorders in browsers send far less at a time, and no packet of
// a codec is that long.
const maxShown = 64 << 10

// show decides about a frame that the Tap has to read first.
func (p *pump) show(t *batch, h header, first bool, v Verdict) error {
	gather := v == Gather && first // behind a beginning that has passed there is nothing to gather
	switch {
	case p.msgMode == dropping:
		p.begin(t, h, dropping)
	case int64(len(t.b)-t.i-h.size) >= h.n && (h.fin || !gather):
		p.judged(t, p.read(t.b[t.i+h.size:][:h.n], h.mask, first, h.fin))
		p.begin(t, h, p.msgMode)
	case gather && h.n > maxShown:
		return tooBig("message larger than a packet can be")
	case h.n > maxShown:
		p.cut = h
		p.begin(t, h, cutting)
	default:
		p.raw, p.headers = slab(), 0
		m := holding
		if gather {
			m, p.msgMode = gathering, gathering
		}
		p.begin(t, h, m)
	}
	return nil
}

// further takes another fragment of a message that is being gathered.
func (p *pump) further(t *batch, h header) error {
	if p.msgLen > maxShown || p.headers > maxShown {
		return tooBig("message larger than a packet can be")
	}
	p.begin(t, h, gathering)
	return nil
}

// read shows a payload to the Tap, unmasked in a copy: the original passes as it came.
func (p *pump) read(payload []byte, mask [4]byte, first, last bool) Verdict {
	s := slab()
	defer giveSlab(s)
	*s = append(*s, payload...)
	xor(*s, mask)
	return p.tap.(Reader).Payload(*s, first, last) //nolint:forcetypeassert // nobody else answers Show
}

// shown decides about a frame, or a message, that was kept until it was whole.
func (p *pump) shown(t *batch) {
	defer p.dropGathered()
	if p.discarding() {
		p.msgMode = dropping
		return
	}
	h, _ := parse(*p.raw, p.masked) // was parsed before
	s := slab()
	defer giveSlab(s)
	*s = p.join(*s)
	v := p.tap.(Reader).Payload(*s, h.op != Continuation, p.fin) //nolint:forcetypeassert // nobody else answers Show
	p.flush(t)
	if v != Pass {
		p.refused(v)
		return
	}
	m := mark{frameAt: len(*p.raw), inMsg: !p.fin}
	if p.fin {
		m.msgAt = len(*p.raw)
	}
	p.outMsg = !p.fin
	p.out.write(*p.raw, m)
	p.bytes += int64(len(*s))
}

// refused drops what is left of a message. The vendor may have its beginning.
func (p *pump) refused(v Verdict) {
	p.discard = p.discard || v == Stop
	p.mode, p.msgMode = dropping, dropping
	p.endMessage()
}

// piece decides about n bytes of a frame that is cut, and makes a fragment of them. The client's mask
// goes on being theirs: turned to where the piece begins.
func (p *pump) piece(t *batch, n int) {
	h := p.cut
	p.cut.op = Continuation
	for i := range p.cut.mask {
		p.cut.mask[i] = h.mask[(i+n)&3]
	}
	last := h.fin && p.left == 0
	if p.discarding() {
		p.mode, p.msgMode = dropping, dropping
		t.i += n
		return
	}
	v := p.read(t.b[t.i:t.i+n], h.mask, h.op != Continuation, last)
	p.flush(t)
	if v != Pass {
		p.refused(v)
		t.i += n
		t.start, t.w = t.i, t.i
		return
	}
	var buf [14]byte
	p.out.write(appendFragment(buf[:0], h.op, last, n, h.mask), mark{inFrame: true, inMsg: true})
	p.outMsg = !last
	t.keep(n)
	p.bytes += int64(n)
	t.frameAt = t.w
	if last {
		t.msgAt = t.w
	}
	p.flush(t)
}
