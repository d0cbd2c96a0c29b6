package conformance

import (
	"strings"
	"sync"
	"testing"
)

// TestOfficialSDKsSeeAQuotaErrorOrACleanEnd is the matrix.
func TestOfficialSDKsSeeAQuotaErrorOrACleanEnd(t *testing.T) {
	if *gatewayFile == "" {
		t.Skip("no -gateway: make conformance drives the SDKs")
	}
	var (
		m    = newMaterial(t)
		mu   sync.Mutex
		page = newPage(t)
	)
	t.Run("sdk", func(t *testing.T) {
		for _, s := range sdks() {
			for _, sc := range s.scenes {
				if !s.knows(sc) {
					continue
				}
				if s.vendor == "deepgram" && sc.money == inTime {
					sc.money = nothing // its refusals come before the upgrade
				}
				t.Run(strings.ReplaceAll(s.name+" "+s.mode, "/", ".")+"/"+sc.name, func(t *testing.T) {
					t.Parallel()
					r := &run{t: t, sdk: s, scene: sc, material: m}
					o := r.play()
					r.check(o)
					s.expect(t, sc, o)
					mu.Lock()
					defer mu.Unlock()
					page.add(s, sc, o)
				})
			}
		}
	})
	if t.Failed() {
		return
	}
	page.compare(t)
}

// expect holds what came against the table.
func (s sdk) expect(t *testing.T, sc scene, o outcome) {
	t.Helper()
	w, ok := s.want[sc.name]
	got := want{o.sees, o.connects, counted(o.log)}
	switch {
	case o.hung:
		t.Errorf("the SDK hangs, or connects again and again: it saw %s", o.sees)
	case !ok || got != w:
		t.Errorf("got  %q: {%q, %d, %q},\nwant %q: {%q, %d, %q},", sc.name, got.sees, got.connects, got.log, sc.name, w.sees, w.connects, w.log)
	}
}
