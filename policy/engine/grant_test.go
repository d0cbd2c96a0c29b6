package engine_test

import (
	"testing"

	"github.com/sttgate/sttgate/policy"
)

func TestAGrantIsWrittenDownOnceAndPublishedToNobody(t *testing.T) {
	h, _ := in(t)
	e := h.gateway()
	for range 2 {
		err := e.Granted(t.Context(), policy.Granted{ID: "x", Budget: "daily", MS: 600_000}, policy.Setting{User: ann, By: "admin:amy", Reason: "ticket"})
		if err != nil {
			t.Fatal(err)
		}
	}
	st, err := h.store.State(t.Context(), ann)
	if err != nil {
		t.Fatal(err)
	}
	s, err := policy.DecodeState(st.Data)
	if err != nil || len(s.History) != 1 || *s.History[0].Grant != (policy.Granted{ID: "x", Budget: "daily", MS: 600_000}) || len(s.Owed) != 0 || len(h.published) != 0 {
		t.Errorf("%+v, %v", s, err)
	}
}
