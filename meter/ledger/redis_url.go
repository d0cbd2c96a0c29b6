package ledger

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// A store's URL. It holds a password, so that no error repeats it.
//
//	redis://[USER:PASSWORD@]HOST[:PORT][/DB]                                one server
//	redis+sentinel://[USER:PASSWORD@]HOST[:PORT]/MASTER?addr=…[&db=N]       whom the Sentinels name
//	    [&sentinel_user=…&sentinel_password=…]
//	redis+cluster://[USER:PASSWORD@]HOST[:PORT]?addr=…                      a Cluster, by any of its nodes
//
// addr=HOST:PORT, as often as needed, are further Sentinels or nodes. rediss… is the same
// over TLS, with ca=FILE against an authority of one's own.
func parseRedisURL(raw string) (*redis.UniversalOptions, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("is not a URL")
	}
	base, mode, _ := strings.Cut(u.Scheme, "+")
	if base != "redis" && base != "rediss" || mode != "" && mode != "sentinel" && mode != "cluster" {
		return nil, errors.New("must begin with redis://, redis+sentinel:// or redis+cluster://, or with rediss for TLS")
	}
	if u.Hostname() == "" {
		return nil, errors.New("names no host")
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errors.New("has a query that cannot be read")
	}
	o := &redis.UniversalOptions{IsClusterMode: mode == "cluster", Username: u.User.Username()}
	o.Password, _ = u.User.Password()
	port := "6379"
	if mode == "sentinel" {
		port = "26379"
	}
	for _, a := range append([]string{u.Host}, take(q, "addr")...) {
		o.Addrs = append(o.Addrs, withPort(a, port))
	}
	if mode == "" && len(o.Addrs) > 1 {
		return nil, errors.New("has addr= but is that of one server: use redis+sentinel:// or redis+cluster://")
	}
	db := strings.Trim(u.Path, "/")
	if mode == "sentinel" {
		if o.MasterName = db; db == "" {
			return nil, errors.New("must name the master that the Sentinels watch: redis+sentinel://HOST/MASTER")
		}
		db = first(take(q, "db"))
		o.SentinelUsername, o.SentinelPassword = first(take(q, "sentinel_user")), first(take(q, "sentinel_password"))
	}
	if o.DB, err = strconv.Atoi(db); db != "" && (err != nil || o.DB < 0 || mode == "cluster" && o.DB > 0) {
		return nil, errors.New("has a database that is no number, or one other than 0 of a cluster")
	}
	if o.TLSConfig, err = redisTLS(base == "rediss", u.Hostname(), first(take(q, "ca"))); err != nil {
		return nil, err
	}
	if len(q) > 0 {
		return nil, errors.New("has a parameter that is not known: addr, db, ca, sentinel_user and sentinel_password are")
	}
	return o, nil
}

func redisTLS(wanted bool, host, ca string) (*tls.Config, error) {
	if !wanted {
		if ca != "" {
			return nil, errors.New("has ca= without TLS: begin it with rediss")
		}
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if ca == "" {
		return c, nil
	}
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, fmt.Errorf("has ca=: %w", err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("has ca=%s, in which is no certificate", ca)
	}
	return c, nil
}

func take(q url.Values, name string) []string {
	v := q[name]
	delete(q, name)
	return v
}

func first(v []string) string {
	if len(v) == 0 {
		return ""
	}
	return v[0]
}

func withPort(host, port string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), port)
}

// redisOptions are the client's. Its defaults are wrong for money: they ignore the context
// for 5 s, dial five times and repeat what may have been done.
func redisOptions(c RedisConfig) (*redis.UniversalOptions, error) {
	o, err := parseRedisURL(c.URL.Reveal())
	if err != nil {
		return nil, fmt.Errorf("redis.url %w", err)
	}
	o.PoolSize = poolSize
	restrain(o, c.Timeout)
	return o, nil
}

func restrain(o *redis.UniversalOptions, timeout time.Duration) {
	o.ContextTimeoutEnabled = true
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = timeout, timeout, timeout, timeout
	o.MaxRetries, o.DialerRetries = -1, 1
	// Every call is one that may be repeated (absolute numbers, or a mark); a Cluster must be
	// followed while it moves.
	o.MaxRedirects = 3
	// The oldest dialect, which everything speaks that calls itself Redis.
	o.Protocol, o.DisableIdentity = 2, true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

// poolSize bounds the connections to one server. A call takes a fraction of a
// millisecond there, so that these are a hundred thousand calls per second.
const poolSize = 64
