package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sttgate/sttgate/config/secret"
)

// The stores that Config.Store names.
const (
	StoreEmbedded = "embedded" // one file, one process, survives a crash
	StoreRedis    = "redis"    // a server that any number of gateways share
	StoreMemory   = "memory"   // gone with the process: for tests and demonstrations
)

// Config is the "ledger" part of the configuration. The zero Config is valid.
type Config struct {
	// Store is "embedded" (default), "redis" or "memory". Restart-only.
	Store string
	// Path is the directory of the embedded store, and with Redis of the outage journal; it is
	// made when missing (default "sttgate-data"). Restart-only.
	Path string
	// Slice is how much audio a stream buys ahead: 100 ms to 60 s (default 5 s).
	// A crash charges at most one slice per stream too much; a smaller slice
	// asks the store more often.
	Slice time.Duration
	// Timezone is the IANA name of the zone whose midnight ends a day (default "UTC"). Restart-only.
	Timezone string
	// Redis is where and how, where Store is "redis". Restart-only.
	Redis RedisConfig
	// Outage is what may be forwarded while Redis does not answer. Restart-only.
	Outage OutageConfig
}

// RedisConfig is the "ledger.redis" part of the configuration.
type RedisConfig struct {
	// URL says which server, as whom, and over TLS or not; redis_url.go has its forms
	// (default "redis://127.0.0.1:6379/0"). It holds the password.
	URL secret.Value
	// Prefix stands in front of every key (default "sttgate:"). Gateways with the same one share their budgets.
	Prefix string
	// Timeout bounds every call, however many trips it takes: 10 ms to 10 s (default 250 ms). No audio waits for it.
	Timeout time.Duration
	// Layout is "native" (default), or "fair_use": amounts lie in the keys of a backend that counted
	// before there was a gateway. It needs a calendar day of UTC, and no Cluster.
	Layout string
	// Replicas is how many replicas must have what a stream has bought or cost before it counts, or else this gateway's own
	// disk, so that a failover does not lose it: 0 (default) to 8. Not on a Cluster.
	Replicas int
}

// The layouts that RedisConfig.Layout names.
const (
	LayoutNative  = "native"
	LayoutFairUse = "fair_use"
)

func (c RedisConfig) withDefaults() RedisConfig {
	if c.URL.Empty() {
		c.URL = secret.New("redis://127.0.0.1:6379/0")
	}
	c.Prefix = cmp.Or(c.Prefix, "sttgate:")
	c.Timeout = cmp.Or(c.Timeout, 250*time.Millisecond)
	c.Layout = cmp.Or(c.Layout, LayoutNative)
	return c
}

func (c RedisConfig) validate() []error {
	var faults []error
	o, err := parseRedisURL(c.URL.Reveal())
	if err != nil {
		faults = append(faults, fmt.Errorf("redis.url %w", err))
	}
	if c.Layout != LayoutNative && c.Layout != LayoutFairUse {
		faults = append(faults, fmt.Errorf("redis.layout %q: use %s or %s", c.Layout, LayoutNative, LayoutFairUse))
	} else if c.Layout == LayoutFairUse && err == nil && o.IsClusterMode {
		faults = append(faults, errFairCluster)
	}
	if strings.ContainsAny(c.Prefix, "{} \r\n") || len(c.Prefix) > 64 {
		// A brace would decide the slot of every key, and put all users on one node.
		faults = append(faults, fmt.Errorf("redis.prefix %q: at most 64 bytes without braces and blanks are possible", c.Prefix))
	}
	if c.Timeout < 10*time.Millisecond || c.Timeout > 10*time.Second {
		faults = append(faults, fmt.Errorf("redis.timeout %v is outside 10ms to 10s", c.Timeout))
	}
	if c.Replicas < 0 || c.Replicas > mostReplicas {
		faults = append(faults, fmt.Errorf("redis.replicas %d is outside 0 to %d", c.Replicas, mostReplicas))
	}
	if o, err := parseRedisURL(c.URL.Reveal()); err == nil && o.IsClusterMode && c.Replicas > 0 {
		faults = append(faults, fmt.Errorf("redis.replicas %d: a Cluster cannot be waited for; leave it out", c.Replicas))
	}
	return faults
}

// WithDefaults returns c with its zero members replaced by their defaults.
func (c Config) WithDefaults() Config {
	c.Store = cmp.Or(c.Store, StoreEmbedded)
	c.Path = cmp.Or(c.Path, "sttgate-data")
	c.Slice = cmp.Or(c.Slice, 5*time.Second)
	c.Timezone = cmp.Or(c.Timezone, "UTC")
	c.Redis, c.Outage = c.Redis.withDefaults(), c.Outage.withDefaults()
	return c
}

// Location is the zone of c.
func (c Config) Location() (*time.Location, error) {
	name := c.WithDefaults().Timezone
	// "Local" would make the same file mean another day on another machine.
	if strings.EqualFold(name, "local") {
		return nil, fmt.Errorf("timezone %q: name a zone, such as Europe/Berlin", name)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("timezone %q: %w", name, err)
	}
	return loc, nil
}

// Validate returns every fault of c, joined, each naming its key.
func (c Config) Validate() error {
	c = c.WithDefaults()
	var faults []error
	if c.Store != StoreEmbedded && c.Store != StoreRedis && c.Store != StoreMemory {
		faults = append(faults, fmt.Errorf("store %q: use %s, %s or %s", c.Store, StoreEmbedded, StoreRedis, StoreMemory))
	}
	if c.Slice < 100*time.Millisecond || c.Slice > time.Minute {
		faults = append(faults, fmt.Errorf("slice %v is outside 100ms to 60s", c.Slice))
	} else if c.Slice%time.Millisecond != 0 {
		faults = append(faults, fmt.Errorf("slice %v is not in whole milliseconds", c.Slice))
	}
	if _, err := c.Location(); err != nil {
		faults = append(faults, err)
	} else if c.Redis.Layout == LayoutFairUse && c.Timezone != "UTC" {
		faults = append(faults, fmt.Errorf("timezone %q: with redis.layout fair_use a day is the backend's, which ends at midnight of UTC", c.Timezone))
	}
	return errors.Join(slices.Concat(faults, c.Redis.validate(), c.Outage.validate())...)
}
