package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

// Configs is the config in force, and the way to another one. An error of type ConfigFaults is the file's.
type Configs interface {
	InForce() ConfigView
	// Standing is the short of it: a page asks each second.
	Standing() ConfigStanding
	// Try says what a reload would do if the file had these contents, and changes nothing.
	Try(contents []byte) (ConfigDiff, error)
	// Reload reads the file again and puts it into force, or changes nothing. before is the hash of what was in force, also with an error.
	Reload() (before string, d ConfigDiff, err error)
}

// ConfigView is a config in force.
type ConfigView struct {
	Hash    string         `json:"hash" doc:"tells configs apart, but for their secrets: sttgate_config_info"`
	File    string         `json:"file" doc:"where it is read from; empty: there is no file"`
	Loaded  time.Time      `json:"loaded" doc:"when it was put into force"`
	By      string         `json:"by" enum:"start,file,signal,api" doc:"and by whom: the start, the file's change, SIGHUP, or this API"`
	Last    ConfigAttempt  `json:"last_reload" doc:"the last attempt to load it: where that failed, the file is not what is in force"`
	Restart []ConfigChange `json:"needs_restart" doc:"what the file says otherwise, and only a restart can put into force"`
	Values  []ConfigValue  `json:"values" doc:"every value that is in force"`
}

// ConfigAttempt is a load, whatever came of it.
type ConfigAttempt struct {
	At         time.Time    `json:"at" doc:"when it was"`
	By         string       `json:"by" enum:"start,file,signal,api" doc:"who asked for it"`
	Successful bool         `json:"successful" doc:"false: everything stayed as it was"`
	Faults     ConfigFaults `json:"faults,omitempty" doc:"what is wrong with the file"`
}

// ConfigStanding is which config is in force, in short.
type ConfigStanding struct {
	Hash   string        `json:"hash" doc:"tells configs apart, but for their secrets: sttgate_config_info"`
	Loaded time.Time     `json:"loaded" doc:"when it was put into force"`
	By     string        `json:"by" enum:"start,file,signal,api" doc:"and by whom: the start, the file's change, SIGHUP, or this API"`
	Last   ConfigOutcome `json:"last_reload" doc:"the last attempt to load it: where that was refused, the file is not what is in force"`
}

// ConfigOutcome is a load in short.
type ConfigOutcome struct {
	At         time.Time `json:"at" doc:"when it was"`
	By         string    `json:"by" enum:"start,file,signal,api" doc:"who asked for it"`
	Successful bool      `json:"successful" doc:"false: everything stayed as it was"`
	Fault      string    `json:"fault,omitempty" doc:"the first thing that is wrong, with file and line"`
	Faults     int       `json:"faults,omitempty" doc:"how many there are: GET config has all"`
}

// ConfigValue is one key.
type ConfigValue struct {
	Key    string `json:"key" doc:"as limits.streams; an entry of a list by its name: budgets[daily].limit"`
	Value  any    `json:"value" doc:"as in the file; secrets are ***"`
	Source string `json:"source" doc:"default, file:line, or env and the variable's name"`
}

// ConfigChange is a key whose value is another one.
type ConfigChange struct {
	Key  string `json:"key" doc:"the key"`
	From string `json:"from,omitempty" doc:"the value until now, as in the file; absent: there was no such key. Secrets are ***"`
	To   string `json:"to,omitempty" doc:"the new one"`
}

// ConfigDiff is what a reload does.
type ConfigDiff struct {
	Hash    string         `json:"hash" doc:"of the config with the changes"`
	Changes []ConfigChange `json:"changes" doc:"what follows at once"`
	Restart []ConfigChange `json:"needs_restart" doc:"what stays as it is until a restart"`
}

// ConfigFault is one thing that is wrong.
type ConfigFault struct {
	File string `json:"file,omitempty" doc:"the file"`
	Line int    `json:"line,omitempty" doc:"the line in it"`
	Env  string `json:"env,omitempty" doc:"or the environment variable"`
	Key  string `json:"key,omitempty" doc:"which key"`
	What string `json:"what" doc:"what is wrong, and what to write instead"`
}

// String is the fault in a line: where, which key, what.
func (f ConfigFault) String() string {
	var parts []string
	switch {
	case f.File != "" && f.Line > 0:
		parts = append(parts, fmt.Sprintf("%s:%d", f.File, f.Line))
	case f.File != "":
		parts = append(parts, f.File)
	case f.Env != "":
		parts = append(parts, "env "+f.Env)
	}
	if f.Key != "" {
		parts = append(parts, f.Key)
	}
	return strings.Join(append(parts, f.What), ": ")
}

// ConfigFaults is everything that is wrong.
type ConfigFaults []ConfigFault

func (f ConfigFaults) Error() string {
	var all []string
	for _, one := range f {
		all = append(all, strings.TrimPrefix(one.Key+": "+one.What, ": "))
	}
	return strings.Join(all, "; ")
}

// configCalls look at the config, and change it.
func (h *Handler) configCalls() []call {
	return []call{
		{http.MethodGet, apiPrefix + "config", h.config, about{
			name: "getConfig", tag: "operations", says: "The config in force, each value with its source", more: "Secrets are shown as ***.",
			answers: []good{{status: http.StatusOK, says: "the config", of: ConfigView{}}},
		}},
		{http.MethodPost, apiPrefix + "config/validate", h.validateConfig, about{
			name: "validateConfig", tag: "operations", says: "Say what a config file would do, or all that is wrong with it",
			more: "The body is the file. It is read with the gateway's own environment, as if it stood in the place of the one in force. Nothing changes.", takes: "application/yaml", pure: true,
			answers:  []good{{status: http.StatusOK, says: "the file's changes, or its faults", of: validateAnswer{}}},
			problems: []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge},
		}},
		{http.MethodPost, apiPrefix + "config/reload", h.reloadConfig, about{
			name: "reloadConfig", tag: "operations", says: "Read the config file again and put it into force",
			more:     "All of it or, with one fault, nothing. Running streams follow with their next lease.",
			answers:  []good{{status: http.StatusOK, says: "what is in force now", of: ConfigDiff{}}},
			problems: []int{http.StatusUnprocessableEntity, http.StatusInternalServerError},
		}},
	}
}

type validateAnswer struct {
	Valid   bool           `json:"valid" doc:"false: a reload would refuse it"`
	Faults  ConfigFaults   `json:"faults" doc:"everything that is wrong"`
	Changes []ConfigChange `json:"changes" doc:"what a reload would change at once"`
	Restart []ConfigChange `json:"needs_restart" doc:"what would stay as it is until a restart"`
}

// config is GET config.
func (h *Handler) config(w http.ResponseWriter, _ *http.Request, _ string) {
	v := h.deps.Configs.InForce()
	v.Loaded, v.Last.At = v.Loaded.UTC(), v.Last.At.UTC()
	writeJSON(w, http.StatusOK, v)
}

// maxConfig bounds a config file. It is what the gateway takes for one.
const maxConfig = 1 << 20

// validateConfig is POST config/validate.
func (h *Handler) validateConfig(w http.ResponseWriter, r *http.Request, _ string) {
	contents, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxConfig))
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &big):
		err = problem{Status: http.StatusRequestEntityTooLarge, Detail: fmt.Sprintf("the file is larger than %d bytes", maxConfig)}
	case err != nil:
		err = bad("the body could not be read")
	case !utf8.Valid(contents):
		err = bad("the file is not UTF-8")
	}
	var d ConfigDiff
	if err == nil {
		d, err = h.deps.Configs.Try(contents)
	}
	var faults ConfigFaults
	if err != nil && !errors.As(err, &faults) {
		h.fail(r.Context(), w, "config.validate", err)
		return
	}
	writeJSON(w, http.StatusOK, validateAnswer{err == nil, orNone(faults), orNone(d.Changes), orNone(d.Restart)})
}

// reloadConfig is POST config/reload.
func (h *Handler) reloadConfig(w http.ResponseWriter, r *http.Request, _ string) {
	before, d, err := h.deps.Configs.Reload()
	told := h.audit(r, auditReload, Reloading{Before: before, Diff: d, Err: err, Why: "asked by the operator"}.attrs()...)
	var faults ConfigFaults
	switch {
	case errors.As(err, &faults):
		problem{Status: http.StatusUnprocessableEntity, Detail: "the config is wrong; the old one stays in force: " + faults.Error(), Faults: faults}.write(w)
		return
	case err != nil:
		h.fail(context.WithoutCancel(r.Context()), w, auditReload, err)
		return
	}
	if told != nil { // where nothing was changed, that is what the answer says; the log has why the line is not written
		h.fail(r.Context(), w, auditReload, told)
		return
	}
	d.Changes, d.Restart = orNone(d.Changes), orNone(d.Restart)
	writeJSON(w, http.StatusOK, d)
}

// orNone is an empty list in JSON, not null.
func orNone[S ~[]E, E any](s S) S {
	if s == nil {
		return S{}
	}
	return s
}
