package provider

// Speechmatics' model stands in transcription_config, of a StartRecognition as of a job: "model", or as it was called before, "operating_point".
// Without either it is the standard one. Source: speechmatics/docs spec/realtime.yaml and spec/batch.yaml.
const speechmaticsDefault = "standard"

// speechmaticsTakes are the models that may take another's place: they know the same languages and settings.
func speechmaticsTakes(model string) bool { return model == speechmaticsDefault || model == "enhanced" }

// Remodel leaves it to StartRecognition, or to the job's config.
func (Speechmatics) Remodel(rt Route, m *Models) Route {
	rt.Models = m
	return rt
}

// speechmaticsRemodel returns a StartRecognition or a job's config with another model. Both names are looked at, for nobody here knows which of
// two that differ the vendor goes by. What could be read in two ways is an *Error; what is no transcription_config is the vendor's to refuse.
func speechmaticsRemodel(text []byte, m *Models) ([]byte, Swap, error) {
	outer, err := exactFields(text, "transcription_config")
	if err != nil {
		return nil, Swap{}, err
	}
	config := outer["transcription_config"]
	if len(config) == 0 || config[0] != '{' {
		return text, Swap{}, nil
	}
	fields, err := exactFields(config, "model", "operating_point")
	if err != nil {
		return nil, Swap{}, err
	}
	var told *Swap
	for _, key := range []string{"model", "operating_point"} {
		asked, ok := jsonText(fields[key])
		if !ok {
			continue
		}
		s := m.swap(asked, speechmaticsTakes)
		if s.Used != "" {
			config = setMember(config, key, s.Used)
		}
		if told == nil || !told.done() && s.done() {
			told = &s
		}
	}
	if told == nil { // it is left to the vendor
		s := m.swap(speechmaticsDefault, speechmaticsTakes)
		if s.Used != "" {
			config = setMember(config, "model", s.Used)
		}
		if !s.done() {
			s = Swap{}
		}
		told = &s
	}
	if told.Used != "" {
		text = setRaw(text, "transcription_config", config)
	}
	return text, *told, nil
}

// Replaces leaves out what is known to be another vendor's.
func (Speechmatics) Replaces(asked, used string) bool {
	return speechmaticsTakes(used) && !family(asked, "nova", "base", "whisper", "flux", "stt-")
}
