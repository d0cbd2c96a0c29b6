package ledger

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Class says in one word of a closed set why a call to a store failed, for a metric:
// timeout, network, tls, loading, readonly, moved, oom, noscript, auth, busy, closed, conflict,
// invalid, settled, or other.
func Class(err error) string {
	switch {
	case errors.Is(err, ErrClosed), errors.Is(err, redis.ErrClosed):
		return "closed"
	case errors.Is(err, ErrConflict):
		return "conflict"
	case errors.Is(err, ErrInvalid):
		return "invalid"
	case errors.Is(err, ErrSettled):
		return "settled"
	case errors.Is(err, errReplicas):
		return "readonly" // as the server's own NOREPLICAS is
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, redis.ErrPoolTimeout):
		return "timeout"
	}
	if said, ok := errors.AsType[redis.Error](err); ok {
		return saidClass(said.Error())
	}
	if _, refused := errors.AsType[*tls.CertificateVerificationError](err); refused {
		return "tls"
	}
	if _, refused := errors.AsType[tls.RecordHeaderError](err); refused {
		return "tls"
	}
	if slow, ok := errors.AsType[net.Error](err); ok {
		if slow.Timeout() {
			return "timeout"
		}
		return "network"
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
		return "network"
	}
	return "other"
}

// saidClass is that of an error which the server answered. What a command inside a script
// met stands behind the script's own words.
func saidClass(said string) string {
	for _, c := range []struct{ class, words string }{
		{"loading", "LOADING|MASTERDOWN"},
		{"readonly", "READONLY|NOREPLICAS"},
		{"moved", "MOVED|ASK|TRYAGAIN|CLUSTERDOWN|CROSSSLOT|non local key"},
		{"oom", "OOM"},
		{"noscript", "NOSCRIPT"},
		{"auth", "NOAUTH|WRONGPASS|NOPERM|ACL failure|can't run this command|can't access|invalid username-password|invalid password"},
		{"busy", "BUSY|UNKILLABLE|max number of clients"},
	} {
		for word := range strings.SplitSeq(c.words, "|") {
			if strings.HasPrefix(said, word) || strings.Contains(said, " "+word+" ") || strings.Contains(said, "-"+word+" ") ||
				strings.Contains(word, " ") && strings.Contains(said, word) {
				return c.class
			}
		}
	}
	return "other"
}
