package ledger

import (
	"context"
	"time"
)

// speak makes a line one that is told, and starts the loop with the first: a gateway without limits makes
// no calls. It is called with the lock held, as kick is.
func (ls *lines) speak(l *line) {
	l.loud = true
	if !ls.begun && !ls.closed {
		ls.begun = true
		ls.running.Go(ls.loop)
	}
	ls.kick(l)
}

// kick lets somebody tell what the server does not know of a line, and forgets one that is over.
func (ls *lines) kick(l *line) {
	switch {
	case l.busy:
	case l.loud && !ls.closed && (len(l.asks) > 0 || l.told != l.held):
		l.busy = true
		ls.running.Go(func() { ls.run(l) })
	case l.held == 0 && l.told == 0 && l.failed.IsZero():
		delete(ls.all, l.owner)
	}
}

// run tells a line's count until there is nothing new, or the server does not answer. What it does
// not answer is told again by the loop.
func (ls *lines) run(l *line) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for !ls.closed && (len(l.asks) > 0 || l.told != l.held) {
		turn := len(l.asks) == 0
		if turn && !ls.turn() {
			break
		}
		ok := ls.once(l)
		if turn {
			<-ls.telling
		}
		if !ok && len(l.asks) == 0 {
			break
		}
	}
	l.busy = false
	for _, a := range l.asks { // closed meanwhile
		l.held++
		a.answer(true, ErrClosed)
	}
	l.asks = nil
	if l.held == 0 && l.told == 0 && l.failed.IsZero() {
		delete(ls.all, l.owner) // or every user who ever came stays in memory
	}
}

// turn waits for one among those that tell without being waited for: a thousand streams that end at once
// are not a thousand calls at once. The lock is released meanwhile.
func (ls *lines) turn() bool {
	ls.mu.Unlock()
	defer ls.mu.Lock()
	select {
	case ls.telling <- struct{}{}:
		return true
	case <-ls.quit:
		return false
	}
}

// once makes one call: the count as it stands, and the places that are asked for under one limit. The
// lock is released meanwhile.
func (ls *lines) once(l *line) bool {
	batch, limit := l.batch()
	held, forgotten := l.held, ls.forgotten
	ls.mu.Unlock()
	began := time.Now()
	taken, lost, err := ls.tell(context.Background(), l.owner, held, len(batch), limit)
	ls.mu.Lock()
	granted := taken - held
	for _, a := range batch {
		switch {
		case a.answered: // it did not want to wait; the count goes right with the next call
		case err != nil:
			l.drop(a)
			l.held++
			a.answer(true, err)
		case granted > 0:
			granted--
			l.drop(a)
			l.held++
			a.answer(true, nil)
		default:
			l.drop(a)
			a.answer(false, nil)
		}
	}
	if err != nil {
		l.told, l.failed = unsure, time.Now()
		return false
	}
	l.told, l.fresh = taken, time.Now()
	if forgotten != ls.forgotten {
		l.told = unsure
	}
	// A call that was not answered may be carried out as long as it is meant, and no longer.
	if lost {
		l.failed = time.Now()
	} else if began.Sub(l.failed) > ls.r.timeout {
		l.failed = time.Time{}
	}
	return true
}

// batch is the first asks that have one limit.
func (l *line) batch() (out []*ask, limit int) {
	for _, a := range l.asks {
		if len(out) > 0 && a.limit != limit {
			break
		}
		out, limit = append(out, a), a.limit
	}
	return out, limit
}

// alive makes sure that the gateway counts as living before it holds anything.
func (ls *lines) alive(ctx context.Context) error {
	ls.mu.Lock()
	beaten := ls.beaten
	ls.mu.Unlock()
	if !beaten.IsZero() && time.Since(beaten) < slotsAge/2 {
		return nil
	}
	return ls.show(ctx)
}

// show is the gateway's heartbeat. Where it comes too late, what the gateway holds may have been given to
// others: every count is told again.
func (ls *lines) show(ctx context.Context) error {
	began := time.Now()
	p, err := ls.r.beat(ctx, ls.r.id, nil)
	if err != nil {
		return err
	}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.beaten = began
	if p.fresh {
		ls.forgotten++
		for _, l := range ls.all {
			if l.loud {
				l.told = unsure
			}
		}
	}
	return nil
}

// loop shows that the gateway lives, and tells what was not told or not for long.
func (ls *lines) loop() {
	t := time.NewTicker(slotsTick)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-ls.quit:
			return
		}
		if due, beat := ls.due(); due || beat {
			if ls.r.do(context.Background(), "heartbeat", ls.show) == nil {
				ls.mend()
			}
		}
	}
}

// due says whether a line has something to tell, and whether a heartbeat is due. A gateway that holds
// nothing need not live.
func (ls *lines) due() (told, beat bool) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	holds := false
	for _, l := range ls.all {
		told, holds = told || ls.stale(l), holds || l.loud
	}
	return told, holds && time.Since(ls.beaten) >= slotsAge/3
}

// stale says whether a line has to be told though nothing has changed.
func (ls *lines) stale(l *line) bool {
	return l.loud && !l.busy && (l.told != l.held || !l.failed.IsZero() && time.Since(l.failed) > ls.r.timeout || time.Since(l.fresh) > slotsRefresh)
}

// mend tells every line that is stale.
func (ls *lines) mend() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, l := range ls.all {
		if ls.stale(l) {
			l.told = unsure
			ls.kick(l)
		}
	}
}

// close is called once. It ends the loop and waits for calls under way. A gateway that goes takes its heartbeat with it: what
// it could not tell any more counts no more.
func (ls *lines) close() {
	ls.mu.Lock()
	ls.closed = true
	close(ls.quit)
	beaten := !ls.beaten.IsZero()
	ls.mu.Unlock()
	ls.running.Wait()
	if !beaten {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), ls.r.timeout)
	defer cancel()
	_ = ls.r.db.ZRem(ctx, ls.r.names.beats(), ls.r.id).Err() // it ages out by itself
}
