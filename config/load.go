package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/viper"
)

// maxFile is the largest config file, in bytes.
const maxFile = 1 << 20

// Load reads the file at path and the environment ("NAME=value" strings, as
// os.Environ has them). Without a path there is no file and the defaults hold; a
// file that is named and missing is an error. Values of the environment win over
// the file, and those of the file over the defaults.
//
// Everything that is wrong is reported at once: the error is of type [Faults]
// and shows no secret.
func Load(path string, environ []string) (Config, Sources, error) {
	var data []byte
	if path != "" {
		var err error
		if data, err = readFile(path); err != nil {
			return Config{}, nil, Faults{{At: Source{File: path}, What: err.Error()}}
		}
	}
	return load(path, data, environ)
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, cause(err)
	}
	defer func() { _ = f.Close() }() // opened for reading: closing loses nothing
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, cause(err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("is larger than %d bytes", maxFile)
	}
	return data, nil
}

// loader gathers one Load.
type loader struct {
	file    string
	schema  *node
	environ map[string]string
	faults  Faults
	hider   hider
	// sources has the place of every key that was set, sections and items of lists
	// included: a fault in what is missing is shown at what it is missing from.
	sources Sources
}

func load(file string, data []byte, environ []string) (Config, Sources, error) {
	l := &loader{file: file, schema: schema(Default()), environ: map[string]string{}, sources: Sources{}}
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		l.environ[name] = value
	}
	fromFile := l.readYAML(data)
	fromEnv := l.readEnv()
	c, err := merge(l.schema, fromFile, fromEnv)
	if err != nil {
		// The walk has checked every key and type, so this is a fault in this package.
		l.fault(Source{File: file}, "", "internal: "+err.Error())
	} else {
		l.fairUse(&c)
		c.Policy = c.Policy.whole()
		l.check(c)
	}
	if len(l.faults) > 0 {
		for i := range l.faults {
			l.faults[i].What = l.hider.clean(l.faults[i].What)
		}
		return Config{}, nil, l.faults.sorted()
	}
	sources := Sources{}
	schema(c).leaves(func(n *node) { sources[n.path] = l.sources[n.path] })
	return c, sources, nil
}

// merge lays file over defaults and environment over both. The values have their
// Go types already; viper keeps the order of precedence and fills the structs.
func merge(defaults *node, file, env map[string]any) (Config, error) {
	v := viper.New()
	defaults.leaves(func(n *node) {
		if !strings.Contains(n.path, "[") {
			v.SetDefault(n.path, n.value)
		}
	})
	if err := v.MergeConfigMap(file); err != nil {
		return Config{}, err
	}
	for path, value := range env {
		v.Set(path, value)
	}
	c := Default()
	err := v.UnmarshalExact(&c, strict)
	return c, err
}

func (l *loader) fault(at Source, key, what string) {
	l.faults = append(l.faults, Fault{At: at, Key: key, What: what})
}

// faultLine is what the packages' Validate methods write: "key.path: what".
var faultLine = regexp.MustCompile(`^([a-z0-9_]+(?:\[[^\] ]+\])?(?:\.[a-z0-9_]+(?:\[[^\] ]+\])?)*): (.+)$`)

// keyWord finds the keys that a message speaks of.
var keyWord = regexp.MustCompile(`[a-z0-9_]+(?:\[[^\] ]+\])?(?:\.[a-z0-9_]+(?:\[[^\] ]+\])?)+`)

// check asks the packages and gives each of their faults a place. What follows
// from a fault that is reported already is left out.
func (l *loader) check(c Config) {
	before := l.faults
	for _, err := range flatten(c.Validate()) {
		key, what := "", err.Error()
		if m := faultLine.FindStringSubmatch(what); m != nil {
			key, what = m[1], m[2]
		}
		mentions := keyWord.FindAllString(what, -1)
		known := before.has(key)
		for _, m := range mentions {
			known = known || before.has(m)
		}
		if !known {
			l.fault(l.locate(key, mentions), key, what)
		}
	}
}

// locate finds the place to blame: the key itself where it was set, else another
// key of the message that was, else the section that the key is missing from.
func (l *loader) locate(key string, mentions []string) Source {
	for _, k := range append([]string{key}, mentions...) {
		if at := l.sources[k]; !at.Default() {
			return at
		}
	}
	for k := key; k != ""; {
		k = k[:max(0, strings.LastIndexAny(k, ".["))]
		if at := l.sources[k]; !at.Default() {
			return at
		}
	}
	return Source{File: l.file}
}

// flatten takes apart what errors.Join put together, however deep.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		return []error{err}
	}
	if len(joined.Unwrap()) == 0 || joined.(error).Error() != err.Error() {
		return []error{err} // wrapped with words of its own: keep them
	}
	var out []error
	for _, e := range joined.Unwrap() {
		out = append(out, flatten(e)...)
	}
	return out
}
