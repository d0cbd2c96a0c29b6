package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"
)

// The stores that Config.Store names.
const (
	StoreEmbedded = "embedded" // one file, one process, survives a crash
	StoreMemory   = "memory"   // gone with the process: for tests and demonstrations
)

// Config is the "ledger" part of the configuration. The zero Config is valid.
type Config struct {
	// Store is "embedded" (default) or "memory". Restart-only.
	Store string
	// Path is the directory of the embedded store, made when missing (default "sttgate-data"). Restart-only.
	Path string
	// Slice is how much audio a stream buys ahead: 100 ms to 60 s (default 5 s).
	// A crash charges at most one slice per stream too much; a smaller slice
	// asks the store more often.
	Slice time.Duration
	// Timezone is the IANA name of the zone whose midnight ends a day (default "UTC"). Restart-only.
	Timezone string
}

// WithDefaults returns c with its zero members replaced by their defaults.
func (c Config) WithDefaults() Config {
	c.Store = cmp.Or(c.Store, StoreEmbedded)
	c.Path = cmp.Or(c.Path, "sttgate-data")
	c.Slice = cmp.Or(c.Slice, 5*time.Second)
	c.Timezone = cmp.Or(c.Timezone, "UTC")
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
	if c.Store != StoreEmbedded && c.Store != StoreMemory {
		faults = append(faults, fmt.Errorf("store %q: use %s or %s", c.Store, StoreEmbedded, StoreMemory))
	}
	if c.Slice < 100*time.Millisecond || c.Slice > time.Minute {
		faults = append(faults, fmt.Errorf("slice %v is outside 100ms to 60s", c.Slice))
	} else if c.Slice%time.Millisecond != 0 {
		faults = append(faults, fmt.Errorf("slice %v is not in whole milliseconds", c.Slice))
	}
	if _, err := c.Location(); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}
