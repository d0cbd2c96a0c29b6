package proxy

import (
	"net/http"
	"strings"
)

// said is what a request says about its user besides the credential: as it stands
// there, not yet believed and not yet checked.
type said struct {
	users []claim
	plans []string
	odd   string // something that two readers could read differently
}

type claim struct{ via, id string }

// read collects every place. Nothing is judged here: who is speaking comes first.
func (i *Identifier) read(r *http.Request) said {
	var s said
	if i.header != "" {
		for _, v := range fold(r.Header, i.header) {
			s.users = append(s.users, claim{ViaHeader, v})
		}
	}
	s.plans = fold(r.Header, PlanHeader)
	if i.lookalike(r.Header) {
		s.odd = "an identity header is spelt with underscores: a proxy that takes both spellings for one may have let it through unchecked"
	}
	if i.query != "" {
		values, odd := readQuery(r.URL.RawQuery, i.query)
		for _, v := range values {
			s.users = append(s.users, claim{ViaQuery, v})
		}
		if odd {
			s.odd = "the query parameter " + i.query + " is not separated by &"
		}
	}
	if i.path {
		p, ok := readPath(r.URL)
		if ok {
			s.users = append(s.users, claim{ViaPath, p.user})
		}
		if p.odd {
			s.odd = "the path names its user in more than one way"
		}
	}
	return s
}

func (s said) silent() bool { return len(s.users) == 0 && len(s.plans) == 0 && s.odd == "" }

// caller believes what a trusted peer said.
func (s said) caller() (Caller, error) {
	if err := s.check(); err != nil {
		return Caller{}, err
	}
	if len(s.users) == 0 {
		return Caller{}, badIdentity(PlanHeader + " stands without a user")
	}
	c := Caller{User: s.users[0].id, Via: s.users[0].via}
	if len(s.plans) > 0 {
		c.Plan = s.plans[0]
	}
	return c, nil
}

// beside compares what is said with a good token. Saying the same is harmless from
// anybody; only a trusted peer may add a plan that the token leaves open.
func (s said) beside(c Caller, trusted bool) (Caller, error) {
	if s.silent() {
		return c, nil
	}
	if err := s.check(); err != nil {
		return Caller{}, err
	}
	if len(s.users) > 0 && s.users[0].id != c.User {
		return Caller{}, badIdentity("the " + s.users[0].via + " names another user than the caller token")
	}
	if len(s.plans) > 0 && s.plans[0] != c.Plan {
		if c.Plan != "" || !trusted {
			return Caller{}, badIdentity(PlanHeader + " is not the plan of the caller token")
		}
		c.Plan = s.plans[0]
	}
	return c, nil
}

// check demands one good value per place, and one value over all places.
func (s said) check() error {
	if s.odd != "" {
		return badIdentity(s.odd)
	}
	seen := map[string]bool{}
	for _, u := range s.users {
		if seen[u.via] {
			return badIdentity("the user stands twice in the " + u.via)
		}
		seen[u.via] = true
		if err := checkUser(u.id, "the user in the "+u.via); err != nil {
			return err
		}
		if u.id != s.users[0].id {
			return badIdentity("the " + s.users[0].via + " and the " + u.via + " name different users")
		}
	}
	if len(s.plans) > 1 {
		return badIdentity(PlanHeader + " stands twice")
	}
	if len(s.plans) == 1 && !validID(s.plans[0]) {
		return badIdentity(PlanHeader + " is not 1 to 128 of A-Z a-z 0-9 . _ @ : -")
	}
	return nil
}

// checkUser says what is wrong with a user's id, without repeating it.
func checkUser(id, what string) error {
	switch {
	case !validID(id):
		return badIdentity(what + " is not 1 to 128 of A-Z a-z 0-9 . _ @ : -")
	case id == AnonymousUser:
		return badIdentity(what + " is " + AnonymousUser + ", which is reserved for callers without an identity")
	}
	return nil
}

// maxID bounds an id in bytes: it becomes part of a key in the ledger.
const maxID = 128

func validID(s string) bool {
	if len(s) == 0 || len(s) > maxID {
		return false
	}
	for _, c := range s {
		if !idRune(c) {
			return false
		}
	}
	return true
}

// fold returns a header's lines whatever the case of its name. net/http makes names
// canonical, but not in a request that was built by hand.
func fold(h http.Header, name string) []string {
	var out []string
	for k, v := range h {
		if strings.EqualFold(k, name) {
			out = append(out, v...)
		}
	}
	return out
}

// names are the headers that are ours.
func (i *Identifier) names() []string {
	if i.header == "" {
		return []string{PlanHeader, PeerSecretHeader}
	}
	return []string{i.header, PlanHeader, PeerSecretHeader}
}

// lookalike finds X_Sttgate_User. CGI and WSGI turn - and _ into one, so that a
// peer in front may have removed only one of two spellings.
func (i *Identifier) lookalike(h http.Header) bool {
	for k := range h {
		for _, name := range i.names() {
			if !strings.EqualFold(k, name) && strings.EqualFold(dashes(k), dashes(name)) {
				return true
			}
		}
	}
	return false
}

func dashes(s string) string { return strings.ReplaceAll(s, "_", "-") }
