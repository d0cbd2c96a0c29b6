//go:build linux

package main

// book is everything a run has measured.
type book struct {
	cases   []scenario
	who     []contender
	samples []sample
	machine machine
}

func (b book) scenario(name string) (scenario, bool) {
	for _, s := range b.cases {
		if s.name == name {
			return s, true
		}
	}
	return scenario{}, false
}

// values are one contender's figures of a case, one per round that went well.
func (b book) values(inCase, who, metric string) []float64 {
	var out []float64
	for _, s := range b.samples {
		if s.Case == inCase && s.Proxy == who {
			out = append(out, s.Values[metric])
		}
	}
	return out
}

// ratios are who's figures divided by other's of the same round, which were taken
// within seconds of each other.
func (b book) ratios(inCase, who, other, metric string) []float64 {
	by := map[int]float64{}
	for _, s := range b.samples {
		if s.Case == inCase && s.Proxy == other {
			by[s.Round] = s.Values[metric]
		}
	}
	var out []float64
	for _, s := range b.samples {
		if base, ok := by[s.Round]; ok && base > 0 && s.Case == inCase && s.Proxy == who {
			out = append(out, s.Values[metric]/base)
		}
	}
	return out
}
