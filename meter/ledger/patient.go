package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

var _ Store = (*Patient)(nil)

// Patient is a Store whose outages do not lose what was forwarded meanwhile. Accounts on it may
// spend a bounded grace, and streams that end are settled when the store is back.
//
//	Account ── store fails ──► lend: within both limits? ──► on the disk ──► may be spent
//	        ── ends in the dark ──► owe: on the disk ──┐
//	a process that died: its loans ────────────────────┴─► loop: Settle, until it is answered
//	        ── store answers a Lease ──► reported there; the loan is forgotten
//
// What is on the disk is the most that a stream may have come to, as an absolute total, so that to
// settle it twice is harmless and a crash charges at most the last loan too much. It is safe
// for concurrent use. It owns one goroutine, from NewPatient to Close.
type Patient struct {
	Store
	perStream, perUser int64 // ms; 0 lends nothing
	db                 *bolt.DB
	log                *slog.Logger
	lent               func(ms int64)
	refused            func()
	wake, quit, gone   chan struct{}
	once               sync.Once

	mu    sync.Mutex
	loans map[string]*loan // by stream
	users map[string]int64 // ms lent and not reported
	owed  int              // loans that the loop has to settle
	heard int64            // leases and settles that the store has answered
}

// loan is what a stream may have come to without the store.
type loan struct {
	due
	over bool                           // the stream has ended, or its process: the loop settles it
	plan func(State, time.Time) []Scope // what applies, of a stream that the store has never answered
	no   refusal
}

// due is a loan on the disk.
type due struct {
	User     string  `json:"user"`
	Stream   string  `json:"stream"`
	Provider string  `json:"provider"`
	Scopes   []Scope `json:"scopes"`
	Spent    int64   `json:"spent_ms"` // the most that it may have come to
	Speech   int64   `json:"speech_ms,omitempty"`
	Lent     int64   `json:"lent_ms"` // since the store's last answer

	// A store that has neither the stream nor a mark of its end charges it, unless it may have forgotten the
	// mark. So what is settled has been leased before, and says since when it may have been settled.
	Leased bool      `json:"leased,omitempty"`
	At     time.Time `json:"at,omitzero"` // by the store's clock
}

// PatientOptions are what NewPatient needs beside the file's words.
type PatientOptions struct {
	Log  *slog.Logger   // nil: nobody
	Lent func(ms int64) // told of every loan; it may be nil
	// Refused is told once of each stream whose end the store refuses while it takes others; it may be nil.
	Refused func()
}

// maxLoans bounds the streams that wait to be settled. Beyond, an end is lost as it would be
// without a disk: the error says so.
const maxLoans = 100_000

const (
	outageFile   = "outage.db"
	journalFails = "the outage journal cannot be written"
)

// NewPatient opens or makes outage.db in dir. What a dead process had lent is settled from now
// on. It takes the store over, and closes it.
func NewPatient(s Store, dir string, c OutageConfig, o PatientOptions) (*Patient, error) {
	c = c.withDefaults()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Lent == nil {
		o.Lent = func(int64) {}
	}
	if o.Refused == nil {
		o.Refused = func() {}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("directory of the outage journal: %w", err)
	}
	path := filepath.Join(dir, outageFile)
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: 1500 * time.Millisecond})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("outage journal %s is in use by another process: gateways on one machine need a ledger.path each", path)
	}
	if err != nil {
		return nil, fmt.Errorf("outage journal %s: %w", path, err)
	}
	p := &Patient{
		Store: s, db: db, log: o.Log, lent: o.Lent, refused: o.Refused, loans: map[string]*loan{}, users: map[string]int64{},
		wake: make(chan struct{}, 1), quit: make(chan struct{}), gone: make(chan struct{}),
	}
	if c.Mode == OutageAllow {
		p.perStream, p.perUser = c.GracePerStream.Milliseconds(), c.GracePerUser.Milliseconds()
	}
	if err := p.recall(); err != nil {
		return nil, errors.Join(fmt.Errorf("outage journal %s: %w", path, err), db.Close())
	}
	go p.loop()
	return p, nil
}

// Lends says whether there is a grace at all.
func (p *Patient) Lends() bool { return p.perStream > 0 }

// lend grants up to ms beyond d.Spent, within what is left of the stream's grace and of its user's. What
// it grants is on the disk.
func (p *Patient) lend(d due, ms int64) int64 {
	p.mu.Lock()
	l := p.loans[d.Stream]
	if l == nil {
		l = &loan{}
	}
	d.Lent = l.Lent
	n := max(min(ms, p.perStream-d.Lent, p.perUser-p.users[d.User]), 0)
	if n == 0 || len(p.loans) >= maxLoans || l.over {
		p.mu.Unlock()
		return 0
	}
	d.Lent, d.Spent = d.Lent+n, d.Spent+n
	p.users[d.User] += n
	p.mu.Unlock()
	if err := p.write(d); err != nil { // what is not written could be spent and forgotten
		p.log.Error("no grace: the outage journal cannot be written", slog.Any(logError, err))
		p.mu.Lock()
		p.repaid(d.User, n)
		p.mu.Unlock()
		return 0
	}
	p.mu.Lock()
	p.loans[d.Stream] = &loan{due: d}
	p.mu.Unlock()
	p.lent(n)
	return n
}

// owe takes over the settle of a stream that has ended and cannot be settled now. plan, where it
// is not nil, says which budgets apply once the user's state can be read.
func (p *Patient) owe(d due, plan func(State, time.Time) []Scope) error {
	p.mu.Lock()
	l := p.loans[d.Stream]
	if l != nil {
		d.Lent = l.Lent
	} else if len(p.loans) >= maxLoans {
		p.mu.Unlock()
		return errors.New("too many streams wait to be settled")
	}
	p.mu.Unlock()
	if err := p.write(d); err != nil {
		return fmt.Errorf("outage journal: %w", err)
	}
	p.mu.Lock()
	if l = p.loans[d.Stream]; l == nil || !l.over {
		p.owed++
	}
	p.loans[d.Stream] = &loan{due: d, over: true, plan: plan}
	p.mu.Unlock()
	signal(p.wake)
	return nil
}

// repaid gives a user's grace back. It is called with the lock held.
func (p *Patient) repaid(user string, ms int64) {
	if p.users[user] -= ms; p.users[user] <= 0 {
		delete(p.users, user)
	}
}

// Settle is Ledger.Settle. An end that only one server has counts, and is told again from the journal until others have it.
func (p *Patient) Settle(ctx context.Context, r Request) (Usage, error) {
	u, err := p.settle(ctx, r)
	if !errors.Is(err, errReplicas) {
		return u, err
	}
	d := due{User: r.User, Stream: r.Stream, Provider: r.Provider, Scopes: r.Scopes, Spent: r.Spent, Speech: r.Speech, Leased: true, At: u.At}
	if full := p.owe(d, nil); full != nil {
		return u, errors.Join(err, full)
	}
	p.log.Warn("too few replicas have the end of a stream: it is settled again later", slog.String(logStream, r.Stream), slog.Int64("ms", r.Spent))
	return u, nil
}

func (p *Patient) settle(ctx context.Context, r Request) (Usage, error) {
	u, err := p.Store.Settle(ctx, r)
	if err == nil {
		p.mu.Lock()
		p.heard++
		p.mu.Unlock()
		p.forget(r.Stream)
	}
	return u, err
}

// Owed is how many streams have ended, here or in processes before, and wait to be settled.
func (p *Patient) Owed() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.owed
}

// forget ends a loan that the store knows of. Where the disk does not take it the loan is settled
// again after the next start, which changes nothing.
func (p *Patient) forget(stream string) {
	p.mu.Lock()
	l := p.loans[stream]
	if l == nil {
		p.mu.Unlock()
		return
	}
	p.repaid(l.User, l.Lent)
	delete(p.loans, stream)
	if l.over {
		p.owed--
	}
	p.mu.Unlock()
	if err := p.erase(stream); err != nil {
		p.log.Warn(journalFails, slog.Any(logError, err))
	}
}

// Close makes a last try to settle what waits, and closes the store. What is left is settled after
// the next start. A second call does nothing.
func (p *Patient) Close() error {
	p.once.Do(func() { close(p.quit) })
	<-p.gone
	return errors.Join(p.db.Close(), p.Store.Close())
}
