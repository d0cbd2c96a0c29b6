package proxy

import "maps"

// Keeping is c where what only a start can change is as in old: the addresses that are open, and what their sockets were
// opened with. It never changes c's map.
func (c Config) Keeping(old Config) Config {
	c.Listen, c.Limits.HeaderTimeout = old.Listen, old.Limits.HeaderTimeout
	c.Providers = maps.Clone(c.Providers)
	for name, p := range c.Providers {
		p.Listen = old.Providers[name].Listen
		c.Providers[name] = p
	}
	return c
}
