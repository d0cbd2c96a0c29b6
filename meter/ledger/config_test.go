package ledger_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
)

func TestConfigDefaultsAreValid(t *testing.T) {
	if err := (ledger.Config{}).Validate(); err != nil {
		t.Fatal(err)
	}
	want := ledger.Config{Store: "embedded", Path: "sttgate-data", Slice: 5 * time.Second, Timezone: "UTC"}
	if got := (ledger.Config{}).WithDefaults(); got != want {
		t.Fatalf("%+v", got)
	}
	set := ledger.Config{Store: "memory", Path: "/data", Slice: 100 * time.Millisecond, Timezone: "Europe/Berlin"}
	if got := set.WithDefaults(); got != set || set.Validate() != nil {
		t.Fatalf("%+v, %v", got, set.Validate())
	}
	if loc, err := set.Location(); err != nil || loc.String() != "Europe/Berlin" {
		t.Fatal(loc, err)
	}
}

func TestConfigNamesEveryFault(t *testing.T) {
	for _, c := range []struct {
		config ledger.Config
		want   string
	}{
		{ledger.Config{Store: "redis"}, `store "redis"`},
		{ledger.Config{Slice: 99 * time.Millisecond}, "slice 99ms"},
		{ledger.Config{Slice: -time.Second}, "slice -1s"},
		{ledger.Config{Slice: time.Minute + 1}, "slice 1m0.000000001s"},
		{ledger.Config{Slice: 100*time.Millisecond + 1}, "whole milliseconds"},
		{ledger.Config{Timezone: "Mars/Olympus"}, `timezone "Mars/Olympus"`},
		{ledger.Config{Timezone: "Local"}, `timezone "Local"`},
	} {
		if err := c.config.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %s", c.config, err, c.want)
		}
	}
	if err := (ledger.Config{Store: "x", Slice: 1, Timezone: "y"}).Validate(); err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("%v", err)
	}
}
