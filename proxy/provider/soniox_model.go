package provider

// The words that Soniox's models begin with: of streams, and of jobs.
const (
	sonioxRealtimeModel = "stt-rt"
	sonioxAsyncModel    = "stt-async"
)

// Remodel leaves it to the first message, or to the job.
func (Soniox) Remodel(rt Route, m *Models) Route {
	rt.Models = m
	return rt
}

// sonioxRemodel returns a start message or a job with another model, where there is one of the kind. The vendor demands a model: text
// without one is its own to refuse. text has been read before: it names at most one.
func sonioxRemodel(text []byte, named []byte, m *Models, kind string) ([]byte, Swap) {
	asked, ok := jsonText(named)
	if !ok {
		return text, Swap{}
	}
	s := m.swap(asked, func(used string) bool { return family(used, kind) })
	if s.Used != "" {
		text = setMember(text, "model", s.Used)
	}
	return text, s
}

// Replaces holds the models of streams apart from those of jobs.
func (Soniox) Replaces(asked, used string) bool {
	for _, kind := range []string{sonioxRealtimeModel, sonioxAsyncModel} {
		if family(used, kind) {
			return asked == AnyModel || family(asked, kind)
		}
	}
	return false
}
