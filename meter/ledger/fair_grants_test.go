package ledger_test

import (
	"testing"

	"github.com/sttgate/sttgate/meter/ledger"
)

// A grant lies with our records: the backend's keys hold what is charged, and nothing else.
func TestAGrantIsNotInABackendsKeys(t *testing.T) {
	m := newMixed(t, ledger.FairUse{})
	m.backend.Charge(20_000)
	grant := func(id string, ms int64) ledger.Balance {
		t.Helper()
		g, err := m.Grant(t.Context(), ledger.Gift{ID: id, Scope: daily(20_000), MS: ms})
		if err != nil {
			t.Fatal(err)
		}
		return g.Balance
	}
	if b := grant("x", 7000); b.Used != 20_000 || b.Remaining != 7000 {
		t.Errorf("%+v", b)
	}
	if n := m.backend.Used(); n != 20_000 {
		t.Errorf("the backend shows %d ms", n)
	}
	m.lease("a", 9000, 0, 7000, 20_000)
	m.end("a", 6000, 0)
	if n := m.backend.Used(); n != 26_000 {
		t.Errorf("the backend shows %d ms", n)
	}
	// Of a day that cannot be read nobody knows what is used: a grant opens it to nobody.
	m.Do("SET", "fair_use:dg_budget:u:20261123", "many")
	if b := grant("y", 50_000); b.Remaining != 0 || b.Granted != 57_000 {
		t.Errorf("%+v", b)
	}
	m.lease("b", 9000, 0, 0, 20_000)
}
