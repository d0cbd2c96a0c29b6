package proxy

import (
	"bytes"
	"errors"
	"io"
	"net/http"

	"github.com/sttgate/sttgate/proxy/provider"
)

// job is the way of a request that names its audio: a file that was sent before, whose length
// is known, or a URL, whose length nobody here can see. What it may cost is bought whole before
// the vendor hears of it, and settled with the vendor's figure when that is told: in the answer,
// or in a read that comes later, perhaps to another gateway.
func (x *exchange) job() error {
	text, err := x.readOrder()
	if err != nil {
		return err
	}
	order, err := x.batch.Order(x.rt, text)
	if err != nil {
		return err
	}
	p := price{weight: x.rt.Weight, vendors: true}
	if order.Weight > 0 {
		p.weight = order.Weight
	}
	length, known, err := x.length(order)
	if err != nil {
		return err
	}
	p.kept = length * p.weight
	if err := x.admit(p.kept); err != nil {
		return err
	}
	if !known {
		if err := x.unseen(); err != nil {
			return err
		}
	}
	if order, err = x.ordered(order, text); err != nil {
		return err
	}
	if order.Replace != nil {
		text = order.Replace
	}
	ctx, end := x.begin()
	defer end()
	x.live.transfer.sent.Store(true) // the whole of it is here: the answer is waited for
	resp, err := x.courier.send(ctx, x.v, parcel{route: x.rt, in: x.in, body: bytes.NewReader(text), length: int64(len(text))})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	head, err := x.hear(resp)
	if err != nil {
		return err
	}
	if resp.StatusCode < 300 {
		x.settle(x.batch.Outcome(x.rt, resp.StatusCode, head), p)
	}
	return x.deliver(resp, head)
}

// ordered is an order once its user's stage is known, which may have another model for it.
func (x *exchange) ordered(o provider.Order, text []byte) (provider.Order, error) {
	if x.rt.Models != nil {
		var err error
		if o, err = x.batch.Order(x.rt, text); err != nil {
			return o, err
		}
	}
	if o.Model != (provider.Swap{}) {
		x.model = o.Model
	}
	return o, nil
}

// length is how much audio a job is about, in ms: what was measured when its file came,
// else the cap.
func (x *exchange) length(o provider.Order) (ms int64, known bool, err error) {
	most := x.limits.UploadDuration
	if o.File != "" {
		c, err := x.claimed(o.File)
		if err != nil {
			return 0, false, err
		}
		if c.Length > 0 {
			if most > 0 && c.Length > most.Milliseconds() {
				return 0, false, denied{d: deny(provider.TooLarge, "this file is longer than one job's audio may be (limits.upload_duration)")}
			}
			return c.Length, true, nil
		}
	}
	return most.Milliseconds(), false, nil
}

// readOrder reads a body of JSON.
func (x *exchange) readOrder() ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(x.body, maxOrder+1))
	switch {
	case errors.Is(err, errSilent):
		return nil, denied{d: silent()}
	case err != nil:
		return nil, errClientLost
	case len(text) > maxOrder:
		return nil, tooManyBytes(maxOrder)
	}
	return text, nil
}

// notFound is the answer about an object that is nobody's, or somebody else's: the two
// must not differ.
func notFound() error {
	d := deny(provider.Unsupported, "there is no such object")
	d.Status, d.Title = http.StatusNotFound, "Not found"
	return denied{d: d}
}
