//go:build !race

package relay

const poolForgets = false
