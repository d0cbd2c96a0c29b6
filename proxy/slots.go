package proxy

import (
	"context"
	"errors"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/proxy/provider"
)

// occupant is on whose behalf a stream takes its slot. The zero occupant takes one of this gateway's only: a socket
// that has not said whose it is, or whoever reads what a job has become.
type occupant struct {
	user, vendor string
	perUser      int // how many of the user's may run at once; 0: no limit
}

// sharedLimits are the limits that hold over all gateways on one ledger.
type sharedLimits struct {
	slots     ledger.Slots
	total     int            // 0: no limit
	perVendor map[string]int // 0: no limit
	metrics   *Metrics
}

// take takes the places of a stream, the user's first: a user who may have no more is nobody else's loss.
func (l sharedLimits) take(ctx context.Context, o occupant) (giveBack func(), err error) {
	var slots []ledger.Slot
	if o.user != "" {
		slots = append(slots, ledger.Slot{Owner: userOwner(o.user), Limit: o.perUser})
	}
	if n := l.perVendor[o.vendor]; n > 0 {
		slots = append(slots, ledger.Slot{Owner: "provider:" + o.vendor, Limit: n})
	}
	if l.total > 0 && o.vendor != "" {
		slots = append(slots, ledger.Slot{Owner: "all", Limit: l.total})
	}
	p, err := l.slots.Take(ctx, slots)
	if full, ok := errors.AsType[ledger.FullError](err); ok {
		return nil, denied{d: tooMany(full.Owner, o)}
	}
	if err != nil {
		return nil, errors.Join(ledger.ErrOutage, err)
	}
	if p.Dark != nil {
		l.metrics.dark(p.Dark)
	}
	return p.Release, nil
}

func userOwner(user string) string { return "user:" + user }

// tooMany says whose places are all taken.
func tooMany(owner string, o occupant) *provider.Denial {
	switch owner {
	case "all":
		return crowded("all gateways together run as many streams as they may")
	case userOwner(o.user):
		return deny(provider.TooManyStreams, "user "+o.user+" runs as many streams at once as one user may; end one first")
	}
	return deny(provider.TooManyStreams, "as many streams run to "+o.vendor+" as may at once")
}

// crowded is a denial for a lack of room, which is not the user's fault: 503.
func crowded(detail string) *provider.Denial {
	d := deny(provider.TooManyStreams, detail)
	d.Status, d.Code = verdictOf(provider.BreakerOpen).status, verdictOf(provider.BreakerOpen).code
	return d
}
