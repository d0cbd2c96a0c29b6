package admin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"

	"github.com/sttgate/sttgate/config/secret"
)

// caller is who asks, as far as the guard knows.
type caller struct {
	name string // in the audit line
	role role
	id   string // of the request
}

type callerKey struct{}

func (c caller) on(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), callerKey{}, c))
}

func callerOf(r *http.Request) caller {
	c, _ := r.Context().Value(callerKey{}).(caller)
	return c
}

// requestOf is the request's id, which the answer has as X-Request-ID.
func requestOf(r *http.Request) string { return callerOf(r).id }

// fingerprint is a token in the audit line: the start of its hash, which tells tokens apart and is of no use to
// whoever reads the log.
func fingerprint(t secret.Value) string {
	sum := sha256.Sum256([]byte(t.Reveal()))
	return "token:" + hex.EncodeToString(sum[:6])
}
