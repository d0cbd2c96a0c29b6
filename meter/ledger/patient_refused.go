package ledger

import (
	"errors"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
)

// refusal is what the loop knows of a loan that the store does not take while it answers others: a record is
// damaged perhaps. It is told once, stays in the journal and is tried now and then.
type refusal struct {
	first int64 // what the store had answered at the first one, and one more; 0 before
	again time.Time
	told  bool
}

const refusedEvery = time.Minute

// failed notes why a loan could not be settled. Only the loop calls it.
func (p *Patient) failed(l *loan, err error) {
	if !refuses(err) {
		return
	}
	p.mu.Lock()
	heard := p.heard
	p.mu.Unlock()
	switch {
	case l.no.first == 0:
		l.no.first = heard + 1
	case heard >= l.no.first:
		l.no.again = time.Now().Add(refusedEvery)
		if l.no.told {
			return
		}
		l.no.told = true
		p.refused()
		p.log.Error("the ledger's server refuses the end of a stream and takes others: it stays in the outage journal",
			slog.String("user", l.User), slog.String(logStream, l.Stream), slog.Int64("ms", l.Spent), slog.Any(logError, err))
	}
}

// refuses says whether a store answered, and not as one that is in trouble as a whole.
func refuses(err error) bool {
	if errors.Is(err, errRecord) {
		return true
	}
	said, ok := errors.AsType[redis.Error](err)
	return ok && saidClass(said.Error()) == "other"
}
