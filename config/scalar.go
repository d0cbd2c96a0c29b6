package config

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sttgate/sttgate/config/secret"
	"github.com/sttgate/sttgate/policy"
)

// The YAML tags that matter here. Text from the environment or from behind a
// reference has no type of its own.
const (
	untyped  = ""
	yamlStr  = "!!str"
	yamlInt  = "!!int"
	yamlReal = "!!float"
	yamlBool = "!!bool"
	yamlNull = "!!null"
)

// mask is what Effective prints for a secret.
const mask = "***"

// parse reads one scalar. Its errors do not show s: the caller knows whether it
// may be shown.
func parse(k kind, s, tag string) (any, error) {
	wrong := errors.New("must be " + k.wants())
	typed := func(tags ...string) bool { return tag == untyped || slices.Contains(tags, tag) }
	switch k {
	case text, hidden:
		if !typed(yamlStr) {
			return nil, errors.New(`must be text: put it in quotes, "" for empty`)
		}
		if k == text {
			return s, nil
		}
		if s == mask {
			return nil, errors.New("is the *** that sttgate check prints in place of a secret: write env:NAME, file:PATH or the secret itself")
		}
		return secret.New(s), nil
	case boolean:
		if s != "true" && s != "false" {
			return nil, wrong
		}
		if !typed(yamlBool) {
			return nil, errors.New("must be " + k.wants() + ", without quotes")
		}
		return s == "true", nil
	case integer:
		n, err := strconv.Atoi(s)
		if err != nil {
			return nil, wrong
		}
		if !typed(yamlInt) {
			return nil, errors.New("must be " + k.wants() + ", without quotes")
		}
		return n, nil
	case number:
		return parseNumber(s, typed(yamlInt, yamlReal))
	case size:
		if !typed(yamlStr, yamlInt) {
			return nil, wrong
		}
		return parseSize(s)
	case duration:
		if !typed(yamlStr, yamlInt) {
			return nil, wrong
		}
		return parseDuration(s)
	default:
		return nil, wrong // a section or a list, where one value stands
	}
}

func parseNumber(s string, typed bool) (float64, error) {
	n, err := strconv.ParseFloat(s, 64)
	switch {
	case err != nil || strings.Trim(s, "0123456789.-") != "": // no exponents, nothing infinite
		return 0, errors.New("must be " + number.wants())
	case !typed:
		return 0, errors.New("must be " + number.wants() + ", without quotes")
	}
	return n, nil
}

// parseItems reads the items of a list of scalars.
func parseItems(k kind, items []string) (any, error) {
	switch k {
	case stages:
		out := make([]policy.Stage, len(items))
		for i, s := range items {
			stage, err := policy.ParseStage(s)
			if err != nil {
				return nil, fmt.Errorf("entry %d is no stage: use none, warning, throttle or restrict", i+1)
			}
			out[i] = stage
		}
		return out, nil
	case ranges:
		out := make([]netip.Prefix, len(items))
		for i, s := range items {
			p, err := netip.ParsePrefix(s)
			if a, aerr := netip.ParseAddr(s); err != nil && aerr == nil && a.Zone() == "" {
				return nil, fmt.Errorf("entry %d is an address, not a range: add /%d for this one alone", i+1, a.BitLen())
			}
			if err != nil {
				return nil, fmt.Errorf("entry %d is no address range such as 10.0.0.0/8", i+1)
			}
			out[i] = p
		}
		return out, nil
	default:
		return items, nil
	}
}

func parseDuration(s string) (time.Duration, error) {
	if s == "0" {
		return 0, nil
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return 0, errors.New("has no unit: write a duration such as 250ms, 30m or 7d")
	}
	d, err := policy.ParseDuration(s)
	if err != nil {
		return 0, errors.New("must be " + duration.wants())
	}
	return d, nil
}

// parseSize reads a number of bytes: binary units only, so that nobody has to
// know whether an MB is 1000 or 1024 KB.
func parseSize(s string) (int64, error) {
	wrong := errors.New("must be " + size.wants() + " (units: B, KiB, MiB, GiB)")
	digits := strings.TrimRight(s, "BKMGi")
	shift, ok := map[string]uint{"": 0, "B": 0, "KiB": 10, "MiB": 20, "GiB": 30}[s[len(digits):]]
	n, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || n < 0 || n > math.MaxInt64>>shift || strings.HasPrefix(digits, "+") {
		return 0, wrong
	}
	return n << shift, nil
}

// formatDuration is Go's without the zero parts: 30m, not 30m0s.
func formatDuration(d time.Duration) string {
	if d == 0 {
		return "0"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func formatSize(n int64) string {
	for _, u := range []struct {
		name  string
		shift uint
	}{{"GiB", 30}, {"MiB", 20}, {"KiB", 10}} {
		if n > 0 && n%(1<<u.shift) == 0 {
			return strconv.FormatInt(n>>u.shift, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}
