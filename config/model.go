package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/proxy/provider"
)

// validateModels refuses what can never be done: a model that no vendor has for the streams or jobs whose model it is to replace. A stage that promises
// something must do it.
func validateModels(stages map[policy.Stage]policy.StageRules) error {
	var errs []error
	for _, s := range []policy.Stage{policy.Warning, policy.Throttle, policy.Restrict} {
		in := stages[s].Actions.Model
		for _, asked := range slices.Sorted(maps.Keys(in)) {
			if used := in[asked]; asked != "" && used != "" && !replaceable(asked, used) {
				errs = append(errs, fmt.Errorf("stages.%s.actions.model[%s]: no vendor can use %q in its place: Deepgram takes flux-… for flux-… and others for others, Soniox stt-rt-… for stt-rt-… and stt-async-… for stt-async-…, Speechmatics standard or enhanced", s, asked, used))
			}
		}
	}
	return errors.Join(errs...)
}

func replaceable(asked, used string) bool {
	return slices.ContainsFunc(provider.Builtin(), func(p provider.Provider) bool {
		r, ok := p.(provider.Remodeler)
		return ok && r.Replaces(asked, used)
	})
}
