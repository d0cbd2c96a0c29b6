package review_test

import (
	"fmt"
	"time"

	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/policy/review"
)

func ExampleNewEvidence() {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	var entries [][]byte // as a ledger keeps them
	for day := range 5 {
		b, err := review.Session{
			Start: now.AddDate(0, 0, -day-1), Length: 1_900_000, Audio: 1_800_000 + int64(day)*1000,
			Vendor: "deepgram", Model: "nova-3", Mode: "stream", Result: "ok",
		}.Encode()
		if err != nil {
			fmt.Println(err)
			return
		}
		entries = append(entries, b)
	}
	e := review.NewEvidence(review.Subject{
		User: "alice", At: now, Exceeded: []policy.Trigger{{Cap: "daily", Window: 86_400_000, Sum: 7_200_001, Limit: 7_200_000}},
	}, entries)
	fmt.Println(e.Summary.Sessions, e.Summary.Audio, *e.Summary.Variation, e.Shapes)
	// Output: 5 9010000 0.001 [prerecorded podcast]
}

func ExampleParseVerdict() {
	v, err := review.ParseVerdict([]byte(`{"misuse_score": 0.2, "usage_type": "none", "confidence": 0.8}`))
	fmt.Println(v.Score, v.Type, err)
	_, err = review.ParseVerdict([]byte(`{"misuse_score": "0.2", "usage_type": "none", "confidence": 0.8}`))
	fmt.Println(err)
	// Output:
	// 0.2 none <nil>
	// the classifier's answer is not as agreed: misuse_score is no number
}
