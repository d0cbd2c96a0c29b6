package proxy

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/proxy/provider"
)

// slot is what a stream holds while it runs: one of this gateway's, and its places among all gateways once it is known
// whose it is and what stage that user is at. A socket that has not said whose it is, and whoever reads what a job has become,
// have the first only. It belongs to one goroutine at a time.
type slot struct {
	streams *Streams
	once    sync.Once
	shared  func() // gives the places back; nil: none were taken
}

// share takes the places that all gateways count. It is called once at most.
func (s *slot) share(ctx context.Context, o occupant) (err error) {
	s.shared, err = s.streams.shared.take(ctx, o)
	return err
}

// release gives all of it back; a second call does nothing.
func (s *slot) release() {
	s.once.Do(func() {
		if s.shared != nil {
			s.shared()
		}
		s.streams.leaveHere()
	})
}

// occupant is on whose behalf a stream takes its places.
type occupant struct {
	user, vendor string
	perUser      int          // how many of the user's may run at once; 0: no limit, ledger.Uncapped: none now
	perVendor    int          // to the vendor; 0: no limit
	total        int          // of everybody's; 0: no limit
	stage        policy.Stage // that allows no more than perUser; "" where everybody may have as many
}

// occupant is what a user's stream or upload to a vendor takes, under the effects of its first lease. While a stage has a limit
// everybody's streams are counted where all gateways see them: those that a user began before the stage count, too.
func (h *Handler) occupant(user string, v *vendor, e policy.Effects) occupant {
	o := occupant{
		user: user, vendor: v.Name(), perUser: h.limits.StreamsPerUser, perVendor: v.config.MaxStreams, total: h.limits.StreamsTotal,
	}
	switch {
	case e.MaxStreams > 0 && (o.perUser == 0 || e.MaxStreams < o.perUser):
		o.perUser, o.stage = e.MaxStreams, e.Stage
	case o.perUser == 0 && h.gate.rules.Load().counted:
		o.perUser = ledger.Uncapped
	}
	return o
}

// sharedLimits are the limits that hold over all gateways on one ledger.
type sharedLimits struct {
	slots   ledger.Slots
	metrics *Metrics
}

// take takes the places of a stream, the user's first: a user who may have no more is nobody else's loss. Where there is
// no limit the place is counted all the same: one that is set later finds what runs already.
func (l sharedLimits) take(ctx context.Context, o occupant) (giveBack func(), err error) {
	var slots []ledger.Slot
	if o.user != "" {
		slots = append(slots, ledger.Slot{Owner: userOwner(o.user), Limit: o.perUser})
	}
	slots = append(slots, ledger.Slot{Owner: "provider:" + o.vendor, Limit: o.perVendor}, ledger.Slot{Owner: "all", Limit: o.total})
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
		return tooManyOfUser(o)
	}
	return deny(provider.TooManyStreams, "as many streams run to "+o.vendor+" as may at once")
}

func tooManyOfUser(o occupant) *provider.Denial {
	if o.stage == "" {
		return deny(provider.TooManyStreams, "user "+o.user+" runs as many streams at once as one user may; end one first")
	}
	d := deny(provider.TooManyStreams, fmt.Sprintf("user %s is at stage %s, where %d may run at once; end one first", o.user, o.stage, o.perUser))
	d.Violated = []string{stageScope + string(o.stage)}
	return d
}

// crowded is a denial for a lack of room, which is not the user's fault: 503.
func crowded(detail string) *provider.Denial {
	d := deny(provider.TooManyStreams, detail)
	d.Status, d.Code = verdictOf(provider.BreakerOpen).status, verdictOf(provider.BreakerOpen).code
	return d
}
