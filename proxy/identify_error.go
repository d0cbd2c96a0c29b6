package proxy

import (
	"errors"
	"net/http"
)

var (
	// ErrUnauthenticated says that nobody vouches for who is calling: 401. A
	// token or a trusted peer would mend it.
	ErrUnauthenticated = errors.New("caller is not authenticated")
	// ErrBadIdentity says that the identity contradicts itself or is not one: 400.
	ErrBadIdentity = errors.New("bad identity")
)

// IdentityError is why a caller was not let in. It wraps ErrUnauthenticated or
// ErrBadIdentity.
type IdentityError struct {
	Status int // 401 or 400
	// Detail is for the client: what is wrong and what to do. It names the place of
	// a bad value and never repeats the value: people put keys in the wrong place,
	// and an error is logged.
	Detail string
}

func (e *IdentityError) Error() string { return e.Detail }

// Unwrap returns the sentinel of the status.
func (e *IdentityError) Unwrap() error {
	if e.Status == http.StatusUnauthorized {
		return ErrUnauthenticated
	}
	return ErrBadIdentity
}

func unauthenticated(detail string) error {
	return &IdentityError{Status: http.StatusUnauthorized, Detail: detail}
}

func badIdentity(detail string) error {
	return &IdentityError{Status: http.StatusBadRequest, Detail: detail}
}
