package proxy

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/sttgate/sttgate/proxy/provider"
)

// read is the way of a request that costs nothing. With an injected key only the user who made an
// object sees it, and lists, which show everybody's, are not there. The answer may take as long as
// the vendor's polls do. It streams through, but for that of a job whose price is waited for.
func (x *exchange) read() error {
	var c receipt
	if x.rt.Mode == provider.ModeRead {
		if x.rt.Object == "" && !x.v.config.Key.Empty() {
			return provider.ErrNoRoute
		}
		if x.rt.Object != "" {
			var err error
			if c, err = x.claimed(x.rt.Object); err != nil {
				return err
			}
		}
	}
	p := parcel{route: x.rt, in: x.in}
	if x.in.ContentLength != 0 {
		p.body, p.length = http.MaxBytesReader(x.w, x.body, x.limits.UploadBytes), x.in.ContentLength
	}
	ctx, cancel := context.WithCancel(x.in.Context()) // nobody reads on: nothing is lost
	defer cancel()
	resp, err := x.courier.send(ctx, x.v, p)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var head []byte
	if c.Stream != "" { // a price is waited for: what the answer tells is settled before the client acts on it
		if head, err = x.hear(resp); err != nil {
			return err
		}
	}
	if resp.StatusCode < 300 && c.User != "" {
		x.collect(x.rt.Object, c, x.batch.Outcome(x.rt, resp.StatusCode, head))
	}
	err = x.deliver(resp, head)
	x.log.LogAttrs(ctx, slog.LevelInfo, "request passed", slog.String("request", x.id), slog.String("user", x.caller.User),
		slog.String("provider", x.v.Name()), slog.String("mode", string(x.rt.Mode)), slog.Int("status", resp.StatusCode))
	return err
}
