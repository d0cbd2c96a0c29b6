//go:build race

package relay

// The race detector makes sync.Pool forget at random, so that a borrowed buffer is often a
// new one: allocations are held to a looser bound then.
const poolForgets = true
