package ledger

import (
	"context"
	"iter"
	"strconv"
)

// Import is Mover.Import. Gateways may run on the store meanwhile: an entry only adds, in one call.
//
// No transaction spans the owners, so each keeps for itself how many entries of the import it has
// taken (take.lua). How far all are is kept beside, after every part.
func (r *Redis) Import(ctx context.Context, id string, merge bool, entries iter.Seq2[Entry, error]) (Imported, error) {
	if err := checkImport(id); err != nil {
		return Imported{}, err
	}
	if r.fair != nil {
		return Imported{}, errLayout
	}
	k := redisTaker{r: r, id: escape(id, "")}
	if err := k.begin(ctx, merge); err != nil {
		return Imported{}, err
	}
	k.count.Before = k.done
	err := inParts(entries, k.done, func(part []Entry) error { return k.commit(ctx, part) })
	return k.count, err
}

// redisTaker imports entries a part at a time.
type redisTaker struct {
	r     *Redis
	id    string
	done  int64 // entries that every owner has taken
	count Imported
}

// begin finds out how far the import is, and refuses what would be added to a stranger's.
func (k *redisTaker) begin(ctx context.Context, merge bool) error {
	far := k.r.names.imported(k.id)
	begun := false
	err := k.r.do(ctx, "import", func(ctx context.Context) error {
		v, err := k.r.db.Get(ctx, far).Result()
		if begun = err == nil; begun {
			k.done, err = strconv.ParseInt(v, 10, 64)
		}
		return unlessNil(err)
	})
	if err != nil || begun {
		return err
	}
	if !merge {
		if err := k.r.empty(ctx); err != nil {
			return during("import", err)
		}
	}
	return k.far(ctx, 0)
}

// far writes how many entries are in everywhere. It comes before the first one, so that an import
// which broke off is known for what it is.
func (k *redisTaker) far(ctx context.Context, n int64) error {
	return k.r.do(ctx, "import", func(ctx context.Context) error {
		return k.r.db.Set(ctx, k.r.names.imported(k.id), n, keepImport).Err()
	})
}

// empty is nil as long as nobody has spent, or decided, anything.
func (r *Redis) empty(ctx context.Context) error {
	nodes, err := r.primaries(ctx)
	if err != nil {
		return err
	}
	for _, node := range nodes {
		err := r.scan(ctx, node, "{*", func(keys []string) error {
			for _, key := range keys {
				switch rec, _ := r.names.parse(key); rec.kind {
				case "stream", "budget", "rolling", "audio", "speech", "state":
					return ErrNotEmpty
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// commit brings a part to its owners, side by side.
func (k *redisTaker) commit(ctx context.Context, part []Entry) error {
	words := make([]string, len(part)) // what became of each entry; an entry's user tells
	owners, calls := []string{}, map[string]*takeCall{}
	var notes []int // and reminders: they have no owner
	for i, e := range part {
		if e.Note != nil || e.Reminder != nil {
			notes = append(notes, i)
			continue
		}
		for _, t := range k.r.taken(e) {
			c := calls[t.tag]
			if c == nil {
				c = k.call(t.tag)
				calls[t.tag], owners = c, append(owners, t.tag)
			}
			t.Number = k.done + int64(i) + 1
			c.add(t, i)
		}
	}
	err := together(len(owners)+len(notes), func(n int) error {
		if n < len(owners) {
			return k.take(ctx, calls[owners[n]], words)
		}
		i := notes[n-len(owners)]
		var err error
		if e := part[i]; e.Note != nil {
			words[i], err = k.r.takeNote(ctx, e.Note)
		} else {
			words[i], err = k.r.takeReminder(ctx, e.Reminder)
		}
		return err
	})
	if err != nil {
		return err
	}
	n := k.done + int64(len(part))
	if err := k.far(ctx, n); err != nil {
		return err
	}
	for _, word := range words {
		switch word {
		case "before":
			k.count.Before++
			continue
		case "kept":
			k.count.Kept++
		case "over":
			k.count.Over++
		}
		k.count.Taken++
	}
	k.done = n
	return nil
}
