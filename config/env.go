package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// envPrefix begins the name of every override: STTGATE_LIMITS_STREAMS.
const envPrefix = "STTGATE_"

// serviceLink is what Kubernetes and Docker put into the environment for a
// service named "sttgate" or "sttgate-…": STTGATE_PORT=tcp://10.0.0.1:8080,
// STTGATE_SERVICE_HOST, STTGATE_PORT_8080_TCP_ADDR. Nobody wrote them, so they
// are no typos.
var serviceLink = regexp.MustCompile(`^STTGATE_(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?|PORT)$`)

// EnvName is the environment variable that overrides a key.
func EnvName(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// readEnv returns the overrides by key and reports those that override nothing: a
// misspelt limit must not be ignored.
func (l *loader) readEnv() map[string]any {
	byName := map[string]*node{}
	var sections []*node
	collect(l.schema, func(n *node) {
		if n.kind == section || n.kind == list || n.kind == table {
			sections = append(sections, n)
			return
		}
		byName[EnvName(n.path)] = n
	})
	values := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(l.environ)) {
		if !strings.HasPrefix(name, envPrefix) {
			continue
		}
		at, value := Source{Env: name}, l.environ[name]
		if n := byName[name]; n != nil {
			l.sources[n.path] = at
			if v, ok := l.text(n.kind, value, at, n.path); ok {
				values[n.path] = v
			}
			continue
		}
		if linked(name, value) || l.sectionName(sections, name, at) {
			continue
		}
		l.fault(at, "", "overrides no key; "+suggest(name, slices.Sorted(maps.Keys(byName))))
	}
	return values
}

// sectionName reports a variable that names a section, a list or a table.
func (l *loader) sectionName(sections []*node, name string, at Source) bool {
	for _, n := range sections {
		own := EnvName(n.path)
		switch {
		case n.kind == list && (name == own || strings.HasPrefix(name, own+"_")):
			l.fault(at, n.path, "a list of sections can only be set in the file")
			return true
		case n.kind == table && (name == own || strings.HasPrefix(name, own+"_")):
			l.fault(at, n.path, "a section of names can only be set in the file")
			return true
		case n.kind == section && name == own:
			l.fault(at, n.path, "is a section: name one of its keys, such as "+EnvName(n.keys[0].path))
			return true
		}
	}
	return false
}

func linked(name, value string) bool {
	if strings.HasSuffix(name, "_PORT") && !strings.HasSuffix(name, "_SERVICE_PORT") && !strings.Contains(name, "_PORT_") {
		return serviceLink.MatchString(name) && strings.Contains(value, "://")
	}
	return serviceLink.MatchString(name)
}

// text reads a value that has no type of its own: from the environment, or from
// behind a reference. Lists are separated by commas.
func (l *loader) text(k kind, value string, at Source, path string) (any, bool) {
	content, via, err := follow(value, l.environ)
	if err != nil {
		l.fault(at, path, err.Error())
		return nil, false
	}
	at.Via = via
	l.sources[path] = at
	if via != "" || k == hidden {
		l.hider.hide(content)
	}
	var v any
	if k.sequence() {
		v, err = splitItems(k, content)
	} else {
		v, err = parse(k, content, untyped)
	}
	if err != nil {
		what := err.Error()
		if via == "" {
			what = shown(k, content) + what
		}
		l.fault(at, path, what)
	}
	return v, err == nil
}

func splitItems(k kind, s string) (any, error) {
	items := []string{}
	if strings.TrimSpace(s) != "" {
		items = strings.Split(s, ",")
	}
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
	}
	return parseItems(k, items)
}

// collect calls visit for every section, list and leaf that has a fixed path.
func collect(n *node, visit func(*node)) {
	if n.path != "" {
		visit(n)
	}
	for _, k := range n.keys {
		collect(k, visit)
	}
}
