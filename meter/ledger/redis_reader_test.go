package ledger_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sttgate/sttgate/config/secret"
	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
)

func TestAKeyOfAnotherServerIsReadAndNothingElse(t *testing.T) {
	s := ledgertest.StartRedis(t)
	o, err := redis.ParseURL(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	backend := redis.NewClient(o)
	t.Cleanup(func() { _ = backend.Close() })
	if err := backend.Set(t.Context(), "stage:u", "throttle", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := backend.HSet(t.Context(), "stage:h", "a", "CANARY").Err(); err != nil {
		t.Fatal(err)
	}
	r, err := ledger.OpenRedisReader(secret.New(s.URL()), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if v, ok, err := r.Read(t.Context(), "stage:u"); v != "throttle" || !ok || err != nil {
		t.Errorf("a key: %q, %v, %v", v, ok, err)
	}
	if v, ok, err := r.Read(t.Context(), "stage:v"); v != "" || ok || err != nil {
		t.Errorf("no key: %q, %v, %v", v, ok, err)
	}
	if v, ok, err := r.Read(t.Context(), "stage:h"); v != "" || ok || err == nil || strings.Contains(err.Error(), "CANARY") {
		t.Errorf("no string: %q, %v, %v", v, ok, err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Read(t.Context(), "stage:u"); !errors.Is(err, ledger.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestAURLThatCannotBeReadIsNamedWithoutItsPassword(t *testing.T) {
	url := secret.New("redis://:s3cret@h/zero")
	_, err := ledger.OpenRedisReader(url, time.Second)
	for _, err := range []error{err, ledger.CheckRedisURL(url)} {
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%v", err)
		}
	}
}
