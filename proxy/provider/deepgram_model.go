package provider

import (
	"net/url"
	"strings"
)

// Deepgram's model is named by the query: model, or in the old way tier and model, with version beside it.
//
//	model=nova-3                  nova-3
//	tier=nova&model=2-general     nova-2-general
//	                              base-general in v1; Flux demands a model
//
// Source: developers.deepgram.com (model options, tier). What names the model may stand once, in this spelling: two models
// would be one to the gateway and another to the vendor.

// deepgramDefault is the vendor's where v1 is told none.
const deepgramDefault = "base-general"

// deepgramNaming are the parameters that make up the model's name, by skeleton.
func deepgramNaming(skel string) bool { return skel == "model" || skel == "tier" }

// declareModel notes a parameter that names the model. Its value may hold escapes: there is one way to read them.
func declareModel(declared map[string]string, name string, p pair) error {
	if key, _, _ := strings.Cut(p.raw, "="); key != name {
		return bad("query parameter " + p.key + " must be written " + name + ": another spelling may be read differently by the vendor")
	}
	if _, dup := declared[name]; dup {
		return bad("query parameter " + name + " stands more than once; the audio is heard by one model")
	}
	declared[name] = p.value
	return nil
}

// deepgramModel is the model that a query names, as the vendor calls it today; "" for none.
func deepgramModel(declared map[string]string) string {
	model, tier := declared["model"], declared["tier"]
	if model != "" && tier != "" {
		model = "-" + model
	}
	return modelName(tier + model)
}

// Remodel replaces the model in the query.
func (Deepgram) Remodel(rt Route, m *Models) Route {
	if rt.Mode != ModeStream && rt.Mode != ModeUpload {
		return rt
	}
	asked := rt.Model.Asked
	if asked == "" {
		if rt.Variant == deepgramV2 {
			return rt // the vendor refuses it
		}
		asked = deepgramDefault
	}
	s := m.swap(asked, func(used string) bool { return deepgramTakes(rt, used) })
	if s.done() {
		rt.Model = s
	}
	if s.Used != "" {
		rt.Query = deepgramRenamed(rt.Query, s.Used)
	}
	return rt
}

// deepgramTakes reports whether the vendor has a model for a route.
func deepgramTakes(rt Route, model string) bool {
	switch {
	case !deepgramKnows(model):
		return false
	case rt.Variant == deepgramV2:
		return deepgramFlux(model)
	case rt.Mode == ModeStream && family(model, "whisper"): // of files only
		return false
	}
	return !deepgramFlux(model)
}

func deepgramFlux(model string) bool { return family(model, "flux") }

// deepgramKnows leaves out what is known to be another vendor's: one map serves all of them. Custom models may be called anything.
func deepgramKnows(model string) bool { return !family(model, "stt-", "standard", "melia") }

// deepgramRenamed returns a query that names another model: in the place of the old one, or at the end. A tier and a version
// belong to the old one and go with it.
func deepgramRenamed(query, model string) string {
	keep, done := []string{}, false
	for raw := range strings.SplitSeq(query, "&") {
		key, _, _ := strings.Cut(raw, "=")
		if k, err := url.QueryUnescape(key); err == nil {
			key = k
		}
		switch skeleton(key) {
		case "model":
			raw, done = "model="+url.QueryEscape(model), true
		case "tier", "version":
			continue
		}
		if raw != "" {
			keep = append(keep, raw)
		}
	}
	if !done {
		keep = append(keep, "model="+url.QueryEscape(model))
	}
	return strings.Join(keep, "&")
}

// Replaces holds Flux apart from the models of v1.
func (Deepgram) Replaces(asked, used string) bool {
	return deepgramKnows(used) && (asked == AnyModel || deepgramKnows(asked) && deepgramFlux(asked) == deepgramFlux(used))
}
