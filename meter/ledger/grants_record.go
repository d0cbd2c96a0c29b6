package ledger

import (
	"encoding/binary"
	"time"
)

// giftsRecord is what was given of a budget in one window.
type giftsRecord struct {
	end int64 // unix second; 0: there is none
	all gifts
}

func giftsKey(h hold) []byte {
	return appendOrdered(append(key(keyGifts, h.Budget, h.Owner), unitByte(h.Unit)), h.Window)
}

func giftMarkKey(owner, id string) []byte { return key(keyGiftMark, owner, id) }

func (r giftsRecord) encode() []byte {
	b := binary.AppendVarint(append(make([]byte, 0, 16+8*len(r.all)), recordVersion), r.end)
	for _, g := range r.all {
		b = binary.AppendVarint(binary.AppendVarint(b, g.minute), g.ms)
	}
	return b
}

func decodeGifts(b []byte) (giftsRecord, error) {
	if b == nil {
		return giftsRecord{}, nil
	}
	r := newReader(b)
	out := giftsRecord{end: r.amount()}
	for len(r.b) > 0 && !r.bad {
		out.all = append(out.all, gift{r.number(), r.amount()})
	}
	return out, r.end()
}

// giftMark says that a gift was carried out, for who asks again.
type giftMark struct {
	Budget        string
	Unit          Unit
	Asked, MS     int64
	Before, After int64
	End           int64 // unix second; 0: there is none
}

// means reports whether the mark is g's.
func (m giftMark) means(g Gift) bool {
	return m.Budget == g.Scope.Budget && m.Unit == g.Scope.Window.Unit && m.Asked == g.MS
}

func (m giftMark) encode() []byte {
	b := append(appendText([]byte{recordVersion}, m.Budget), unitByte(m.Unit))
	for _, n := range []int64{m.Asked, m.MS, m.Before, m.After, m.End} {
		b = binary.AppendVarint(b, n)
	}
	return b
}

func decodeGiftMark(b []byte) (giftMark, error) {
	if b == nil {
		return giftMark{}, nil
	}
	r := newReader(b)
	m := giftMark{
		Budget: r.text(), Unit: byteUnit(r.byte()), Asked: r.number(), MS: r.number(), Before: r.amount(), After: r.amount(), End: r.amount(),
	}
	if m.Unit == "" || m.End == 0 {
		return giftMark{}, errRecord
	}
	return m, r.end()
}

// expireAnew is expireAt for a record that had another end, or none (0): the sweeper would take the new one for the old.
func expireAnew(t table, k []byte, old int64, end time.Time) error {
	if old != 0 {
		if err := t.delete(append(appendOrdered([]byte{keyExpiry}, old), k...)); err != nil {
			return err
		}
	}
	return expireAt(t, k, end)
}
