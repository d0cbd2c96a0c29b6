// Package simulate replays recorded use against other rules: who would have been moved, refused or cut, when, and why.
//
//	usage events (JSON lines) ──► Read ──► []Part, in time ──► Run ──► Report
//	                                                            │
//	    per user: minutes of use, budgets, a policy.State ◄─────┤
//	    policy.EffectsOf, Exceeded, Due, Begin, Finish ◄────────┘
//
// It decides with the very functions that decide in the gateway, and keeps books of its own in memory: minutes for the caps,
// balances for the budgets. What it cannot know is what a classifier would have said: Options.Verdict says it for all reviews.
//
// Where it is coarser than the gateway: a part (some minutes of a stream) is cut as a whole where its budget ends in it, a review takes no
// time, and the clients of before do what they did before: nobody comes back because of a refusal.
//
// Concurrency: a value per run; nothing is shared.
package simulate
