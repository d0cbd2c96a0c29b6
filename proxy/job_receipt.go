package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/proxy/provider"
)

const (
	// jobKept is how long a job's price is waited for. Then it is charged what was reserved.
	jobKept = 24 * time.Hour
	// claimKept is how long it is known whose an object is, since it was made or last read.
	claimKept = 30 * 24 * time.Hour
	// claimAgain is after which a read prolongs it.
	claimAgain = 24 * time.Hour
)

// receipt is what the gateway knows of a file or job at the vendor: whose it is, how long its
// audio is, what it may cost. It is kept with the ledger, so that every gateway knows it. With the
// vendor's key injected all users share one account there, and only this keeps them apart.
type receipt struct {
	User    string    `json:"user"`
	At      time.Time `json:"at"`
	Length  int64     `json:"length_ms,omitempty"` // of a file
	Stream  string    `json:"stream,omitempty"`    // of the reservation that waits for the price
	Kept    int64     `json:"kept_ms,omitempty"`   // of it
	Weight  int64     `json:"weight,omitempty"`
	Vendors bool      `json:"vendors,omitempty"` // the vendor's figure is charged
	Model   string    `json:"model,omitempty"`   // that hears it
	Asked   string    `json:"asked,omitempty"`   // the model that was asked for
}

func (x *exchange) claimKey(object string) string { return x.v.Name() + ":" + object }

// note claims an object. Without the note its user cannot read it, and what was kept for it is
// charged: that is in the log.
func (x *exchange) note(object string, c receipt) {
	if object == "" {
		return
	}
	c.At = time.Now().UTC()
	raw, err := json.Marshal(c)
	if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
		defer cancel()
		err = x.notes.Note(ctx, x.claimKey(object), raw, claimKept)
	}
	if err != nil {
		x.log.Error("not noted whose an object is", slog.String("user", c.User), slog.String("stream", x.stream), slog.Any("error", err))
	}
}

// claimed finds what is known of an object. With an injected key it has to be the caller's own.
func (x *exchange) claimed(object string) (c receipt, err error) {
	shared := !x.v.config.Key.Empty()
	if len(object) > maxObject {
		return c, notFound()
	}
	raw, err := x.notes.Noted(x.r.Context(), x.claimKey(object))
	if err != nil {
		x.log.Error("not known whose an object is", slog.Any("error", err))
		return c, errors.Join(ledger.ErrOutage, err)
	}
	if raw != nil {
		if err := json.Unmarshal(raw, &c); err != nil {
			return c, err
		}
	}
	if shared && c.User != x.caller.User {
		return receipt{}, notFound()
	}
	return c, nil
}

// maxObject bounds an id of the vendor's: UUIDs and short names.
const maxObject = 128

// collect settles a job whose price a read has told.
func (x *exchange) collect(object string, c receipt, out provider.Outcome) {
	if c.Stream == "" {
		if c.User != "" && time.Since(c.At) > claimAgain {
			x.note(object, c)
		}
		return
	}
	out.ID = object // whatever the answer calls it
	p := price{kept: c.Kept, weight: c.Weight, vendors: c.Vendors}
	ms, final := p.of(out)
	if !final {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	res := ledger.Resume(x.gate.ledger, ledger.Opening{
		User: c.User, Stream: c.Stream, Provider: x.v.Name(), Timeout: x.gate.patience, Observe: x.gate.metrics.lease,
	})
	u, err := res.Settle(ctx, ms, x.speech(p, out, ms))
	if err != nil {
		x.log.Error("not settled; the next read tries again", slog.String("user", c.User), slog.String("stream", c.Stream), slog.Any("error", err))
		return
	}
	x.gate.charged(subject{user: c.User, plan: x.caller.Plan, provider: x.v.Name()}, u, ms)
	x.toldLater(c, x.pricedAt(p, out, ms), out, u)
	x.gate.metrics.settled(x.v.Name(), p.basis(out), ms)
	x.log.LogAttrs(ctx, slog.LevelInfo, "job settled", slog.String("stream", c.Stream), slog.String("request", x.id),
		slog.String("user", c.User), slog.String("provider", x.v.Name()), slog.Int64("charged_ms", ms), slog.Int64("reported_ms", out.Duration.Milliseconds()))
	c.Stream, c.Kept = "", 0
	x.note(object, c)
}
