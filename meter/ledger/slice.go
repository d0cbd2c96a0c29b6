package ledger

const (
	grain     = 100 // ms: leases are multiples of it, so that no rest is smaller than a frame
	firstPart = 5   // a stream that has shown no audio yet gets a fifth of a slice
	fairPart  = 8   // then an eighth of what is left
	leastPart = 20  // but not less than a twentieth of a slice
)

// ahead is how much a stream buys ahead, in milliseconds: a whole slice where no
// budget limits it, less where one does. What a stream holds and does not use is
// kept from the user's other streams: sixteen that open at once with a slice each
// would lock the seventeenth out of a budget that nobody has spent, and the last
// seconds of one would lie with whoever came first. last is the newest grant's.
func ahead(slice int64, fresh bool, scopes []Scope, last []Balance) int64 {
	limited := false
	for _, s := range scopes {
		limited = limited || !s.Shadow
	}
	if !limited {
		return slice
	}
	want := slice
	for _, b := range last {
		if !b.Shadow {
			want = min(want, b.Remaining/fairPart)
		}
	}
	if fresh {
		want = min(want, slice/firstPart)
	}
	want = max(want, slice/leastPart)
	return min(slice, max(grain, want-want%grain))
}
