package admin

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// call is one call of the listener, and what is said of it. [New] refuses a call that is not described, and the document at
// /openapi.json is made of the descriptions alone: so it names every call there is, and no other.
type call struct {
	method string
	path   string // may hold one {id}
	serve  func(w http.ResponseWriter, r *http.Request, id string)
	about  about
}

// about describes a call.
type about struct {
	name     string  // operationId: the call's name in generated clients, so it never changes
	tag      string  // which group it is shown in
	says     string  // one line
	more     string  // what else there is to know; may be empty
	id       string  // what {id} is
	query    []param // what may stand behind the ?
	headers  []param // of the request, which may be left out
	body     any     // a zero value of what readBody fills; nil: none
	takes    string  // the content type of a body that is text; "": it is none
	pure     bool    // it changes nothing, though it is no GET
	answers  []good
	problems []int // the statuses of errors, beside those of the guard
}

// param is one of the query's.
type param struct {
	name, says string
	kind       object // its schema
}

// good is an answer that is no error.
type good struct {
	status int
	says   string
	of     any      // a zero value of what is written as JSON; nil: text
	kinds  []string // of text: the content types that it may have
}

// role is who may do a call.
type role int

const (
	anybody role = iota // who reaches the port
	reader              // either token
	writer              // the read-write token
)

// role follows from the call itself: what changes nothing is a GET, and what stands outside the API is open.
func (c call) role() role {
	switch {
	case !strings.HasPrefix(c.path, apiPrefix):
		return anybody
	case c.method == http.MethodGet:
		return reader
	}
	return writer
}

// described says what a call's description lacks.
func (c call) described() error {
	a := c.about
	switch {
	case a.name == "" || a.tag == "" || a.says == "":
		return fmt.Errorf("%s %s has no description", c.method, c.path)
	case len(a.answers) == 0:
		return fmt.Errorf("%s %s has no answer", c.method, c.path)
	case strings.Contains(c.path, "{id}") == (a.id == ""):
		return fmt.Errorf("%s %s does not say what {id} is", c.method, c.path)
	}
	return nil
}

// checkCalls looks for calls that are not described, or not told apart.
func checkCalls(calls []call) error {
	var errs []error
	seen := map[string]bool{}
	for _, c := range calls {
		for _, key := range []string{c.method + " " + c.path, c.about.name} {
			if seen[key] {
				errs = append(errs, fmt.Errorf("%s is there twice", key))
			}
			seen[key] = true
		}
		errs = append(errs, c.described())
	}
	return errors.Join(errs...)
}

// statuses are those of a call's problems, the guard's with them.
func (c call) statuses() []int {
	all := slices.Clone(c.about.problems)
	if c.role() != anybody {
		all = append(all, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests)
	}
	if c.role() == writer && !c.about.pure { // where the audit log cannot be written: before the change, and after it
		all = append(all, http.StatusServiceUnavailable, http.StatusInternalServerError)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
