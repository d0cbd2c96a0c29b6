package review

import (
	"cmp"
	"math"
	"slices"
)

// Summary is over all sessions of the evidence. Its ratios are rounded to three places.
type Summary struct {
	Sessions int   `json:"sessions"`
	Length   int64 `json:"length_ms"`
	Audio    int64 `json:"audio_ms"`
	Longest  int64 `json:"longest_ms"` // audio of one session
	// SpeechShare is how much of the audio was speech, from 0 to 1, over the sessions of which that is known.
	SpeechShare *float64 `json:"speech_share,omitempty"`
	// Variation is the coefficient of variation of the sessions' audio: 0 where all are equally long. It takes two of them.
	Variation *float64 `json:"variation,omitempty"`
	Gaps      Gaps     `json:"gaps"`
	// AtOnce is how many sessions ran at the same time, at most.
	AtOnce int `json:"at_once"`
	// Unreadable entries were passed over.
	Unreadable int `json:"unreadable,omitempty"`
}

func summarize(all, heard []Session, unreadable int) Summary {
	sum := Summary{Sessions: len(all), AtOnce: atOnce(all), Unreadable: unreadable}
	var speech, of int64
	for _, s := range all {
		sum.Length += s.Length
		sum.Audio += s.Audio
		sum.Longest = max(sum.Longest, s.Audio)
		sum.Gaps.Count += s.Gaps.Count
		sum.Gaps.Total += s.Gaps.Total
		sum.Gaps.Longest = max(sum.Gaps.Longest, s.Gaps.Longest)
		if s.Speech != nil {
			speech, of = speech+min(*s.Speech, s.Audio), of+s.Audio
		}
	}
	if of > 0 {
		sum.SpeechShare = ratio(float64(speech) / float64(of))
	}
	if len(heard) > 1 {
		sum.Variation = ratio(variation(heard))
	}
	return sum
}

func ratio(x float64) *float64 {
	x = math.Round(x*1000) / 1000
	return &x
}

// variation is the coefficient of variation of the audio of sessions that have some: the standard deviation of all of
// them, in means.
func variation(heard []Session) float64 {
	var sum, squares float64
	for _, s := range heard {
		sum += float64(s.Audio)
	}
	mean := sum / float64(len(heard))
	for _, s := range heard {
		squares += (float64(s.Audio) - mean) * (float64(s.Audio) - mean)
	}
	return math.Sqrt(squares/float64(len(heard))) / mean
}

// atOnce is the most sessions that ran at one time. One that ends when another begins is not beside it.
func atOnce(all []Session) (most int) {
	type edge struct {
		at   int64 // ms
		step int
	}
	var edges []edge
	for _, s := range all {
		if s.Length > 0 {
			at := s.Start.UnixMilli()
			edges = append(edges, edge{at, 1}, edge{at + s.Length, -1})
		}
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.step, b.step)) })
	now := 0
	for _, e := range edges {
		now += e.step
		most = max(most, now)
	}
	return most
}
