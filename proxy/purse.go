package proxy

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/proxy/provider"
)

// purse turns what a stream has used into what it costs, and buys that.
//
//	audio        milliseconds of forwarded audio
//	connection   wall clock since the stream began
//	larger       the larger of the two
//	reported     audio is bought, the vendor's own figure is charged once it is told
//
// Audio that nothing here can measure is paid by the wall clock since it began, or by the
// vendor's figure where that is larger. Each is multiplied by the weight. buy belongs to the
// goroutine that reads the client, tick to the registry's ticker.
type purse struct {
	account *ledger.Account
	gate    *gate
	sub     subject
	basis   string // ProviderConfig.Charge
	began   time.Time
	waiting func() // told before buy waits for a lease

	weight  atomic.Int64 // ms to pay per ms; 0 is 1
	outside atomic.Int64 // when audio began that is not measured here, in Unix ms; 0: it is
	vendors atomic.Int64 // ms that the vendor has told of such audio

	mu     sync.Mutex // only where the wall clock costs: then there are two buyers
	audio  int64      // ms forwarded or about to be
	bought int64      // ms paid for
}

// leaseWait bounds how long one audio message may wait for a lease that is under
// way. The account's own timeouts end it earlier; this is the guard behind them.
const leaseWait = 15 * time.Second

// timed says whether the wall clock costs.
func (p *purse) timed() bool {
	return p.basis == ChargeConnection || p.basis == ChargeLarger || p.outside.Load() != 0
}

// unmeasured makes the wall clock cost from now on.
func (p *purse) unmeasured(now time.Time) { p.outside.CompareAndSwap(0, now.UnixMilli()) }

// owed is the price of a stream whose audio has come to ms.
func (p *purse) owed(ms int64, now time.Time) int64 {
	switch p.basis {
	case ChargeConnection:
		ms = now.Sub(p.began).Milliseconds()
	case ChargeLarger:
		ms = max(ms, now.Sub(p.began).Milliseconds())
	}
	if since := p.outside.Load(); since != 0 {
		ms = max(ms, now.UnixMilli()-since, p.vendors.Load())
	}
	return ms * p.times()
}

func (p *purse) times() int64 { return max(p.weight.Load(), 1) }

// buy pays for a stream whose audio comes to ms, waiting for a lease that is under
// way: a client that sends faster than real time is slowed to the pace of its
// leases, not cut. need is what was to be paid.
func (p *purse) buy(ms int64) (need int64, err error) {
	if !p.timed() {
		need = max(ms*p.times()-p.bought, 0)
		if need > 0 {
			if err = p.pay(need); err != nil {
				return need, err
			}
		}
		p.bought += need
		return need, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	need = max(p.owed(ms, time.Now())-p.bought, 0)
	if need > 0 {
		if err = p.pay(need); err != nil {
			return need, err
		}
	}
	p.audio = ms
	p.bought += need
	return need, nil
}

func (p *purse) pay(ms int64) error {
	err := p.account.Spend(ms)
	if !errors.Is(err, ledger.ErrPending) {
		return err
	}
	p.waiting()
	ctx, cancel := context.WithTimeout(context.Background(), leaseWait)
	defer cancel()
	for errors.Is(err, ledger.ErrPending) {
		if p.account.Wait(ctx) != nil {
			return ledger.ErrOutage
		}
		err = p.account.Spend(ms)
	}
	return err
}

// tick buys what the wall clock has added. A lease under way is waited for until
// the next tick; any other error ends the stream.
func (p *purse) tick(now time.Time) error {
	if !p.timed() || !p.mu.TryLock() { // the reader is buying: it pays for the time too
		return nil
	}
	defer p.mu.Unlock()
	need := p.owed(p.audio, now) - p.bought
	if need <= 0 {
		return nil
	}
	err := p.account.Spend(need)
	if errors.Is(err, ledger.ErrPending) {
		return nil
	}
	if err == nil {
		p.bought += need
	}
	return err
}

// told passes the vendor's figure on to the account, which charges it in the end.
func (p *purse) told(s provider.Session) {
	outside := p.outside.Load() != 0
	if p.basis != ChargeReported && !outside {
		return
	}
	d, ok := s.Reported()
	if !ok {
		return
	}
	if outside {
		p.vendors.Store(millis(d))
	}
	if p.basis == ChargeReported {
		p.account.Report(millis(d) * p.times())
	}
}

// millis rounds up: a part of a millisecond is not free.
func millis(d time.Duration) int64 { return int64((d + time.Millisecond - 1) / time.Millisecond) }

// why turns an unpaid need into a denial; the decision is nil where no budget said no.
func (p *purse) why(need int64, err error) (*provider.Denial, *policy.Decision) {
	if errors.Is(err, ledger.ErrOutage) {
		return denialOf(err), nil
	}
	last := p.account.Last()
	// What is still in hand need not be bought: a budget that has room for the rest has not said no.
	dec := decide(last, need-max(last.Ceiling-p.account.Spent(), 0))
	dec.Allowed = false // also where a newer grant has room by now: this need was not met
	return p.gate.exhausted(dec, p.sub, last), &dec
}
