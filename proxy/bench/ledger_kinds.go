//go:build linux

package main

import (
	"fmt"
	"time"

	"github.com/sttgate/sttgate/config/secret"
	"github.com/sttgate/sttgate/meter/ledger"
)

// budgetKind is what applies to a user's streams.
type budgetKind struct {
	name, title string
	budgets     func(user string) []ledger.Scope
}

const plenty = 1 << 45 // ms: a limit that is never felt

func day(budget, owner string, limit int64) ledger.Scope {
	return ledger.Scope{Budget: budget, Owner: owner, Window: ledger.Window{Unit: ledger.Day}, Limit: limit}
}

func rolling(user string, length time.Duration) ledger.Scope {
	return ledger.Scope{
		Budget: "rolling-" + length.String(), Owner: "user:" + user, Limit: plenty,
		Window: ledger.Window{Unit: ledger.Rolling, Length: length},
	}
}

const (
	kindPlain   = "plain"
	kindDay     = "day"
	kindRolling = "rolling"
	kindBreaker = "breaker"
)

// budgetKinds are the kinds of users; the first is most of them.
func budgetKinds() []budgetKind {
	return []budgetKind{
		{kindPlain, "no budget applies; minutes are kept for the soft caps", func(string) []ledger.Scope { return nil }},
		{kindDay, "a day's budget", func(u string) []ledger.Scope { return []ledger.Scope{day("deepgram-daily", "user:"+u, plenty)} }},
		{kindRolling, "a day's budget and one over 7 d", func(u string) []ledger.Scope {
			return []ledger.Scope{day("deepgram-daily", "user:"+u, plenty), rolling(u, 7*24*time.Hour)}
		}},
		{kindBreaker, "a breaker shared by everyone", func(string) []ledger.Scope { return []ledger.Scope{day("house", "all", plenty)} }},
	}
}

func kindNamed(name string) budgetKind {
	for _, k := range budgetKinds() {
		if k.name == name {
			return k
		}
	}
	return budgetKinds()[0]
}

// userName has 28 characters, as the ids of the usual identity services.
func userName(i int) string { return fmt.Sprintf("Uq%026d", i) }

// streamName is as long as a UUID.
func streamName(i, life int) string { return fmt.Sprintf("0199b3d0-%04x-7000-8000-%012x", life, i) }

// opening is a stream of a kind of user; observe may be nil.
func opening(k budgetKind, user, stream string, slice time.Duration, observe func(op, result, class string, took time.Duration)) ledger.Opening {
	scopes := k.budgets(user)
	return ledger.Opening{
		User: user, Stream: stream, Provider: "deepgram", Slice: slice.Milliseconds(), Observe: observe,
		Plan: func(ledger.State, time.Time) []ledger.Scope { return scopes },
	}
}

// store is a gateway's ledger on the server. now may be nil: the server's clock.
func (s *redisServer) store(timeout time.Duration, now func() time.Time) (*ledger.Redis, error) {
	return ledger.OpenRedis(ledger.RedisConfig{URL: secret.New(s.url()), Timeout: timeout}, nil, ledger.RedisOptions{Clock: now})
}
