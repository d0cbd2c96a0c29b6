package ledger_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
)

func memory(_ *testing.T, now func() time.Time, loc *time.Location) ledger.Store {
	return ledger.NewMemory(now, loc)
}

func embedded(t *testing.T, now func() time.Time, loc *time.Location) ledger.Store {
	return openEmbedded(t, t.TempDir(), now, loc)
}

func TestMemory(t *testing.T) { ledgertest.Run(t, memory) }

func TestEmbedded(t *testing.T) { ledgertest.Run(t, embedded) }

func openEmbedded(t testing.TB, dir string, now func() time.Time, loc *time.Location) *ledger.Embedded {
	t.Helper()
	s, err := ledger.OpenEmbedded(dir, loc, now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestASecondProcessIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	s := openEmbedded(t, dir, nil, nil)
	if other, err := ledger.OpenEmbedded(dir, nil, nil); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("%v, %v", other, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := openEmbedded(t, dir, nil, nil).Close(); err != nil {
		t.Fatal(err)
	}
}
