package admin

import (
	"errors"
	"net"
	"net/netip"
	"strconv"

	"github.com/sttgate/sttgate/config/secret"
)

// Config is what the operator's listener is told. The zero Config means the
// defaults that WithDefaults fills in.
type Config struct {
	Listen string       // host:port; default 127.0.0.1:9090
	Token  secret.Value // bearer token of the admin API; may be empty on loopback only
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
	for _, r := range c.Token.Reveal() {
		if r <= ' ' || r > '~' {
			errs = append(errs, errors.New("admin.token: has characters that no header can carry; use letters, digits and signs without spaces"))
			break
		}
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
