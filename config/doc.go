// Package config reads the one file that operators tune, lays the environment
// over it, and says of each value where it came from.
//
//	defaults of each package ─┐ lowest
//	config.yaml ─► yaml nodes ─► walk along the schema ─┼─► viper ─► Config ─► Validate
//	STTGATE_* ─────────────────► same parser ───────────┘ highest      ▲
//	                 │                                         FAIR_USE_* names
//	                 └─► Faults: file:line: key: what is wrong
//
// Each package owns its Config struct; the schema is read off those structs (a
// field MaxStreams is the key max_streams), so that a new field is a new key at
// once. What is not in the schema is a fault: a misspelt limit that is silently
// ignored costs money. All faults are reported together.
//
// It is not a store of global state: every Load uses a fresh viper, and nothing
// here is kept between calls. All functions are safe for concurrent use; a Config
// must not be changed while others read it.
package config
