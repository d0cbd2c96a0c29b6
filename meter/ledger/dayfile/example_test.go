package dayfile_test

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/meter/ledger/dayfile"
)

func Example() {
	ctx := context.Background()
	daily := ledger.Scope{Budget: "daily", Owner: "user:ann", Window: ledger.Window{Unit: ledger.Day}, Limit: 60_000}
	from, to := ledger.NewMemory(nil, nil), ledger.NewMemory(nil, nil)
	if _, err := from.Settle(ctx, ledger.Request{User: "ann", Stream: "s", Scopes: []ledger.Scope{daily}, Spent: 20_000}); err != nil {
		panic(err)
	}

	var file bytes.Buffer
	w, err := dayfile.NewWriter(&file, dayfile.NewHeader("memory", "UTC", time.Now()))
	if err != nil {
		panic(err)
	}
	if err := from.Export(ctx, w.Write); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}

	h, _, err := dayfile.Verify(bytes.NewReader(file.Bytes()), "day.jsonl") // nothing is taken of a damaged file
	if err != nil {
		panic(err)
	}
	if _, err := to.Import(ctx, h.ID, false, dayfile.Entries(bytes.NewReader(file.Bytes()), "day.jsonl")); err != nil {
		panic(err)
	}
	u, err := to.Usage(ctx, ledger.Query{User: "ann", Scopes: []ledger.Scope{daily}})
	fmt.Println(u.Balances[0].Remaining, err)
	// Output: 40000 <nil>
}
