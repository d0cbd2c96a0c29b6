package meter

// mp4Page is a piece of what a queue holds. Pages go back to the pool when they were read.
type mp4Page struct {
	next *mp4Page
	n    int
	buf  [1008]byte
}

// mp4Pages bounds the pages of all queues of a file: 2 MiB, which is six hours of packets of 20 ms.
const mp4Pages = 2048

// mp4Pool gives pages.
type mp4Pool struct {
	free *mp4Page
	out  int
}

// mp4Queue holds numbers, in the order in which they came, in as few bytes as they need.
type mp4Queue struct {
	first, last *mp4Page
	read        int // bytes of the first page
}

// put adds a number that is not negative. It says false where the pool is used up.
func (q *mp4Queue) put(pool *mp4Pool, v int64) bool {
	for v >= 0x80 {
		if !q.putByte(pool, byte(v)|0x80) {
			return false
		}
		v >>= 7
	}
	return q.putByte(pool, byte(v)) //nolint:gosec // below 0x80
}

func (q *mp4Queue) putByte(pool *mp4Pool, b byte) bool {
	if q.last == nil || q.last.n == len(q.last.buf) {
		page := pool.free
		switch {
		case page != nil:
			pool.free, page.next, page.n = page.next, nil, 0
		case pool.out == mp4Pages:
			return false
		default:
			page = &mp4Page{}
			pool.out++
		}
		if q.last == nil {
			q.first, q.read = page, 0
		} else {
			q.last.next = page
		}
		q.last = page
	}
	q.last.buf[q.last.n] = b
	q.last.n++
	return true
}

// get takes the oldest number. It says false where there is none.
func (q *mp4Queue) get(pool *mp4Pool) (v int64, ok bool) {
	for shift := 0; q.first != nil; shift += 7 {
		b := q.first.buf[q.read]
		if q.read++; q.read == q.first.n {
			page := q.first
			if q.first = page.next; q.first == nil {
				q.last = nil
			}
			q.read, page.next = 0, pool.free
			pool.free = page
		}
		if v |= int64(b&0x7f) << shift; b&0x80 == 0 {
			return v, true
		}
	}
	return 0, false
}

// drop forgets all.
func (q *mp4Queue) drop(pool *mp4Pool) {
	for {
		if _, ok := q.get(pool); !ok {
			return
		}
	}
}
