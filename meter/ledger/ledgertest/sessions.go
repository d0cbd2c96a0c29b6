package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sttgate/sttgate/meter/ledger"
)

func sessions(t *testing.T, open Open) {
	t.Helper()
	ctx := context.Background()
	add := func(d desk, user, id, entry string) {
		d.Helper()
		if err := d.AddSession(ctx, user, id, []byte(entry)); err != nil {
			d.Fatal(err)
		}
	}
	kept := func(d desk, user string, n int, want ...string) {
		d.Helper()
		all, err := d.Sessions(ctx, user, n)
		var got []string
		for _, e := range all {
			got = append(got, string(e))
		}
		if err != nil || !slices.Equal(got, want) {
			d.Fatalf("%s: %q, %v; want %q", user, got, err, want)
		}
	}
	cases(t, open, map[string]func(d desk){
		"the newest come first, of each user": func(d desk) {
			kept(d, "u", 10)
			add(d, "u", "1", "one")
			add(d, "u", "2", "")
			add(d, "v", "1", "other")
			add(d, "u", "3", "th\x00ree")
			kept(d, "u", 10, "th\x00ree", "", "one")
			kept(d, "u", 2, "th\x00ree", "")
			kept(d, "u", 0)
			kept(d, "v", 1, "other")
		},
		"a repeated one changes nothing": func(d desk) {
			add(d, "u", "1", "one")
			add(d, "u", "12", "two")
			add(d, "u", "1", "again")
			kept(d, "u", 10, "two", "one")
		},
		"fifty are kept": func(d desk) {
			var want []string
			for i := range 60 {
				add(d, "u", fmt.Sprint(i), fmt.Sprint("session ", i))
				want = slices.Insert(want, 0, fmt.Sprint("session ", i))
			}
			kept(d, "u", 100, want[:50]...)
			kept(d, "u", 30, want[:30]...)
		},
		"users, ids and entries have bounds": func(d desk) {
			add(d, strings.Repeat("u", 128), strings.Repeat("i", 64), strings.Repeat("e", 2<<10))
			for name, err := range map[string]error{
				"no user":        d.AddSession(ctx, "", "1", nil),
				"no id":          d.AddSession(ctx, "u", "", nil),
				"id too long":    d.AddSession(ctx, "u", strings.Repeat("i", 65), nil),
				"entry too long": d.AddSession(ctx, "u", "1", make([]byte, 2<<10+1)),
			} {
				if !errors.Is(err, ledger.ErrInvalid) {
					d.Errorf("%s: %v", name, err)
				}
			}
		},
	})
}
