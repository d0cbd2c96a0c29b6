package ledger_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sttgate/sttgate/config/secret"
	"github.com/sttgate/sttgate/meter/ledger"
)

func TestConfigDefaultsAreValid(t *testing.T) {
	if err := (ledger.Config{}).Validate(); err != nil {
		t.Fatal(err)
	}
	redis := ledger.RedisConfig{URL: secret.New("redis://127.0.0.1:6379/0"), Prefix: "sttgate:", Timeout: 250 * time.Millisecond, Layout: "native"}
	want := ledger.Config{Store: "embedded", Path: "sttgate-data", Slice: 5 * time.Second, Timezone: "UTC", Redis: redis, Outage: outage(10*time.Second, 5*time.Minute)}
	if got := (ledger.Config{}).WithDefaults(); !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v", got)
	}
	set := ledger.Config{
		Store: "redis", Path: "/data", Slice: 100 * time.Millisecond, Timezone: "Europe/Berlin",
		Redis:  ledger.RedisConfig{URL: secret.New("rediss+cluster://h?addr=i:1"), Prefix: "x:", Timeout: time.Second, Layout: "native"},
		Outage: ledger.OutageConfig{Mode: "deny", GracePerStream: time.Second, GracePerUser: time.Minute},
	}
	if got := set.WithDefaults(); !reflect.DeepEqual(got, set) || set.Validate() != nil {
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
		{ledger.Config{Store: "postgres"}, `store "postgres"`},
		{ledger.Config{Outage: ledger.OutageConfig{Mode: "maybe"}}, `outage.mode "maybe"`},
		{ledger.Config{Outage: ledger.OutageConfig{GracePerUser: 25 * time.Hour}}, "outage.grace_per_user 25h"},
		{ledger.Config{Redis: ledger.RedisConfig{Prefix: "a{b}"}}, `redis.prefix "a{b}"`},
		{ledger.Config{Redis: ledger.RedisConfig{Timeout: time.Minute}}, "redis.timeout 1m0s"},
		{ledger.Config{Redis: ledger.RedisConfig{Replicas: 9}}, "redis.replicas 9"},
		{ledger.Config{Redis: ledger.RedisConfig{Replicas: 1, URL: secret.New("redis+cluster://h")}}, "redis.replicas 1: a Cluster"},
		{ledger.Config{Redis: ledger.RedisConfig{URL: secret.New("http://x")}}, "redis.url must begin with"},
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
