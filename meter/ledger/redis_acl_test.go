package ledger_test

import (
	"crypto/rand"
	"errors"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sttgate/sttgate/config/secret"
	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
)

// rights are the lines of docs/redis.md that make the gateway's user: for every server; and besides for a
// Cluster, for a database other than 0, and for replicas that are waited for.
func rights(t *testing.T) [4][]string {
	t.Helper()
	b, err := os.ReadFile("../../docs/redis.md")
	if err != nil {
		t.Fatal(err)
	}
	var out [4][]string
	n := 0
	for line := range strings.Lines(string(b)) {
		line, _, _ = strings.Cut(line, "#")
		if words := strings.Fields(line); len(words) > 3 && strings.HasPrefix(line, "    ACL SETUSER sttgate ") && n < len(out) {
			out[n] = words[3:]
			n++
		}
	}
	if n != len(out) || !slices.Contains(out[0], ">PASSWORD") {
		t.Fatalf("the page names %d lines of rights: %q", n, out)
	}
	return out
}

// permit makes the user sttgate anew.
func permit(do func(args ...any) any, rights []string) {
	do("ACL", "DELUSER", "sttgate")
	do("SCRIPT", "FLUSH") // who has to send them needs the right to
	args := []any{"ACL", "SETUSER", "sttgate"}
	for _, word := range rights {
		args = append(args, word)
	}
	do(args...)
}

// asGate is a store's URL as the user of the page.
func asGate(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		panic(err)
	}
	u.User = url.UserPassword("sttgate", "PASSWORD")
	return u.String()
}

// everything does whatever a gateway, or a move, does.
func everything(t *testing.T, url string) error {
	t.Helper()
	ctx, id := t.Context(), rand.Text()
	r := openRedis(t, url, "sttgate:", nil, ledger.RedisOptions{Gateway: "the test's"})
	defer closeStore(t, r)
	rolling := ledger.Scope{Budget: "r", Owner: "user:u", Window: ledger.Window{Unit: ledger.Rolling, Length: time.Hour}, Limit: 60_000}
	q := ledger.Request{User: "u", Stream: id, Scopes: []ledger.Scope{daily(60_000), rolling, everyone(2000)}, Ceiling: 5000}
	var faults []error
	check := func(err error) { faults = append(faults, err) }
	check(r.Ping(ctx))
	_, err := r.Lease(ctx, q) // and what the breaker does not grant is given back
	check(err)
	_, err = r.Usage(ctx, ledger.Query{User: "u", Scopes: q.Scopes, Windows: []time.Duration{time.Hour}})
	check(err)
	_, err = r.Settle(ctx, q)
	check(err)
	st, err := r.State(ctx, "u")
	check(err)
	_, err = r.SetState(ctx, "u", st)
	check(err)
	_, _, err = r.Users(ctx, "", 10)
	check(err)
	check(r.Note(ctx, "n", []byte("v"), time.Hour))
	_, err = r.NoteOnce(ctx, "once", []byte("v"), time.Hour)
	check(err)
	_, err = r.Noted(ctx, "n")
	check(err)
	check(r.Remind(ctx, "k", []byte("v"), time.Unix(1, 0)))
	due, err := r.Due(ctx, 10, time.Minute)
	check(err)
	for _, one := range due {
		check(r.Forget(ctx, one))
	}
	check(r.AddSession(ctx, "u", "1", []byte("v")))
	_, err = r.Sessions(ctx, "u", 5)
	check(err)
	_, err = r.Risks(ctx)
	check(err)
	from := ledger.NewMemory(nil, nil)
	aDayOf(t, from, 3)
	all := exported(t, from)
	_, err = r.Import(ctx, id, true, func(yield func(ledger.Entry, error) bool) {
		for _, e := range all {
			if !yield(e, nil) {
				return
			}
		}
	})
	check(err)
	closeStore(t, r)
	quiet := openRedis(t, url, "sttgate:", nil, ledger.RedisOptions{})
	defer closeStore(t, quiet)
	check(quiet.Export(ctx, func(e ledger.Entry) error { return e.Validate() }))
	return errors.Join(faults...)
}

func TestThePagesRightsAreEnoughAndNoneIsTooMany(t *testing.T) {
	s := ledgertest.StartRedis(t)
	all := rights(t)
	permit(s.Do, all[0])
	if err := everything(t, asGate(s.URL())); err != nil {
		t.Fatalf("with the rights of the page: %v", err)
	}
	for _, c := range [][]string{{"FLUSHALL"}, {"KEYS", "*"}, {"CONFIG", "GET", "*"}, {"GET", "other:key"}, {"EVAL", "return redis.call('GET', 'other:key')", "0"}} {
		args := []any{"AUTH", "sttgate", "PASSWORD"}
		if refused := s.DoAll(args, anys(c)); ledger.Class(refused) != "auth" {
			t.Errorf("%v: %v", c, refused)
		}
	}
	for i, word := range all[0] {
		if !strings.HasPrefix(word, "+") && !strings.HasPrefix(word, "~") {
			continue
		}
		permit(s.Do, slices.Concat(all[0][:i], all[0][i+1:]))
		if err := everything(t, asGate(s.URL())); err == nil || ledger.Class(err) != "auth" {
			t.Errorf("without %s: %v is of class %q", word, err, ledger.Class(err))
		}
	}
	permit(s.Do, all[0])
	if err := everything(t, asGate(s.URL()+"/1")); err == nil || ledger.Class(err) != "auth" {
		t.Errorf("another database without its right: %v is of class %q", err, ledger.Class(err))
	}
	permit(s.Do, slices.Concat(all[0], all[2]))
	if err := everything(t, asGate(s.URL()+"/1")); err != nil {
		t.Errorf("another database: %v", err)
	}
	for class, with := range map[string][]string{"auth": all[0], "readonly": slices.Concat(all[0], all[3])} {
		permit(s.Do, with)
		if err := waits(t, asGate(s.URL())); ledger.Class(err) != class {
			t.Errorf("replicas with %v: %v is of class %q, want %q", with, err, ledger.Class(err), class)
		}
	}
}

// waits settles and waits for a replica that does not exist.
func waits(t *testing.T, url string) error {
	t.Helper()
	r, err := ledger.OpenRedis(ledger.RedisConfig{URL: secret.New(url), Prefix: "sttgate:", Timeout: time.Second, Replicas: 1}, nil, ledger.RedisOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(t, r)
	_, err = r.Settle(t.Context(), ledger.Request{User: "u", Stream: rand.Text(), Spent: 1})
	return err
}

func anys(words []string) (out []any) {
	for _, w := range words {
		out = append(out, w)
	}
	return out
}
