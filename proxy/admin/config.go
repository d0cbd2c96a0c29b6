package admin

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/sttgate/sttgate/config/secret"
)

// Config is what the operator's listener is told. The zero Config means the
// defaults that WithDefaults fills in.
type Config struct {
	Listen string       // host:port; default 127.0.0.1:9090
	Token  secret.Value // bearer token of the admin API; may be empty on loopback only
	// ReadToken is another that only looks: it opens every GET and nothing else. Empty: there is none.
	ReadToken secret.Value
	AuditFile string // each change is a line of JSON at its end; empty: in the log alone
}

// WithDefaults fills the zero fields.
func (c Config) WithDefaults() Config {
	if c.Listen == "" {
		c.Listen = "127.0.0.1:9090"
	}
	return c
}

// Validate checks a config that WithDefaults has filled. The error joins one
// error per fault, each of the form "key: what is wrong".
func (c Config) Validate() error {
	var errs []error
	host, port, err := net.SplitHostPort(c.Listen)
	switch {
	case err != nil || !decimalPort(port):
		errs = append(errs, errors.New("admin.listen: is no host:port, such as 127.0.0.1:9090"))
	case c.Token.Empty() && !loopback(host):
		errs = append(errs, errors.New("admin.listen: is open to other machines while admin.token is empty: set a token or listen on 127.0.0.1"))
	}
	for key, t := range map[string]secret.Value{"admin.token": c.Token, "admin.read_token": c.ReadToken} {
		if strings.ContainsFunc(t.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }) {
			errs = append(errs, errors.New(key+": has characters that no header can carry; use letters, digits and signs without spaces"))
		}
	}
	switch {
	case c.ReadToken.Empty():
	case c.Token.Empty():
		errs = append(errs, errors.New("admin.read_token: is set while admin.token is empty: without that everybody may write"))
	case c.Token.Equal(c.ReadToken.Reveal()):
		errs = append(errs, errors.New("admin.read_token: is the same as admin.token, which may write"))
	}
	return errors.Join(errs...)
}

func decimalPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

// loopback is asked about the host as written: a name may resolve to anything
// tomorrow, so only "localhost" and loopback addresses count.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}
