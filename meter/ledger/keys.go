package ledger

import (
	"encoding/binary"
	"time"
)

// The kinds of records, the first byte of their keys. Strings in keys carry
// their length, so that no user can choose an id that reads as another's key.
const (
	keyStream   = 's' // stream: what it holds
	keySettled  = 't' // stream: it was settled
	keyBalance  = 'w' // budget, owner, unit, window id: spent and in hand
	keyRolling  = 'r' // budget, owner, hour: minutes spent
	keyAudio    = 'a' // user, hour: minutes forwarded
	keySpeech   = 'v' // user, hour: minutes of speech
	keyState    = 'u' // user: the policy's record
	keyExpiry   = 'x' // unix second, key: when to delete the key
	keyProbe    = 'p' // written by Ping
	keyLapse    = 'l' // unix second, stream: when a kept grant is charged
	keyNote     = 'n' // note: when it expires, value
	keyImport   = 'i' // import: how many of its entries were taken
	keySession  = 'e' // user: when they expire, the latest sessions
	keyGifts    = 'g' // budget, owner, unit, window id: what was granted beside the limit
	keyGiftMark = 'h' // owner, grant: that it was carried out
	keyReminder = 'm' // reminder: when it is due, value
	keyDue      = 'd' // microsecond, reminder: the order in which they are due
)

func key(kind byte, parts ...string) []byte {
	n := 1
	for _, p := range parts {
		n += len(p) + 2
	}
	k := append(make([]byte, 0, n+9), kind) // room for what balanceKey and hourKey add
	for _, p := range parts {
		k = binary.AppendUvarint(k, uint64(len(p)))
		k = append(k, p...)
	}
	return k
}

// balanceKey is the key of a hold's balance.
func balanceKey(h hold) []byte {
	k := append(key(keyBalance, h.Budget, h.Owner), unitByte(h.Unit))
	return appendOrdered(k, h.Window)
}

// series is the common part of the keys of one series of hour records.
type series []byte

func rollingSeries(budget, owner string) series { return key(keyRolling, budget, owner) }
func audioSeries(user string) series            { return key(keyAudio, user) }
func speechSeries(user string) series           { return key(keySpeech, user) }

func (s series) hour(h int64) []byte {
	return appendOrdered(append(make([]byte, 0, len(s)+8), s...), h)
}

// appendOrdered appends n so that keys sort like numbers.
func appendOrdered(k []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(k, uint64(n)^(1<<63)) //nolint:gosec // the bits, not the number
}

func orderedAt(k []byte, at int) int64 {
	return int64(binary.BigEndian.Uint64(k[at:]) ^ (1 << 63)) //nolint:gosec // the bits, not the number
}

// expireAt makes the sweeper delete k some time after at.
func expireAt(t table, k []byte, at time.Time) error {
	x := appendOrdered([]byte{keyExpiry}, at.Unix())
	return t.put(append(x, k...), []byte{})
}

// unitByte is part of the stored form: never renumber.
func unitByte(u Unit) byte {
	switch u {
	case Day:
		return 1
	case Week:
		return 2
	case Month:
		return 3
	case Rolling:
		return 4
	}
	return 0
}

func byteUnit(b byte) Unit {
	switch b {
	case 1:
		return Day
	case 2:
		return Week
	case 3:
		return Month
	case 4:
		return Rolling
	}
	return ""
}
