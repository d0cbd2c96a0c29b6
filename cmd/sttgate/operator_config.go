package main

import (
	"errors"

	"github.com/sttgate/sttgate/config"
	"github.com/sttgate/sttgate/proxy/admin"
)

// opsConfig shows the operator the config in force, and reloads it.
type opsConfig struct{ *reloader }

var _ admin.Configs = opsConfig{}

func (o opsConfig) InForce() admin.ConfigView {
	now, last := o.live.Now(), o.live.Last()
	v := admin.ConfigView{
		Hash: now.Hash, File: o.live.Path(), Loaded: now.Loaded, By: string(now.By), Restart: opsChanges(now.Restart),
		Last: admin.ConfigAttempt{At: last.At, By: string(last.By), Successful: last.Err == nil, Faults: opsFaults(last.Err)}, Values: []admin.ConfigValue{},
	}
	for _, one := range now.Config.Values(now.Sources) {
		v.Values = append(v.Values, admin.ConfigValue{Key: one.Key, Value: one.Value, Source: one.At.String()})
	}
	return v
}

func (o opsConfig) Standing() admin.ConfigStanding {
	now, last := o.live.Now(), o.live.Last()
	s := admin.ConfigStanding{
		Hash: now.Hash, Loaded: now.Loaded, By: string(now.By),
		Last: admin.ConfigOutcome{At: last.At, By: string(last.By), Successful: last.Err == nil},
	}
	var faults config.Faults
	switch {
	case errors.As(last.Err, &faults) && len(faults) > 0:
		s.Last.Fault, s.Last.Faults = faults[0].String(), len(faults)
	case last.Err != nil:
		s.Last.Fault, s.Last.Faults = "the gateway failed; its log has the cause", 1
	}
	return s
}

func (o opsConfig) Try(contents []byte) (admin.ConfigDiff, error) {
	d, err := o.live.Check(contents)
	return opsDiff(d), opsConfigError(err)
}

func (o opsConfig) Reload() (before string, d admin.ConfigDiff, err error) {
	done, err := o.reload(config.ByAPI)
	return done.Before, opsDiff(done), opsConfigError(err)
}

func opsDiff(r config.Reloaded) admin.ConfigDiff {
	return admin.ConfigDiff{Hash: r.After, Changes: opsChanges(r.Changes), Restart: opsChanges(r.Restart)}
}

func opsChanges(changes []config.Change) []admin.ConfigChange {
	out := []admin.ConfigChange{}
	for _, c := range changes {
		out = append(out, admin.ConfigChange(c))
	}
	return out
}

func opsConfigError(err error) error {
	if faults := opsFaults(err); faults != nil {
		return faults
	}
	return err
}

// opsFaults are those of an error, nil where it is another's.
func opsFaults(err error) admin.ConfigFaults {
	var faults config.Faults
	if !errors.As(err, &faults) {
		return nil
	}
	var out admin.ConfigFaults
	for _, f := range faults {
		out = append(out, admin.ConfigFault{File: f.At.File, Line: f.At.Line, Env: f.At.Env, Key: f.Key, What: f.What})
	}
	return out
}
