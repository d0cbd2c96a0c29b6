package config

import (
	"slices"
	"testing"
	"time"

	"github.com/sttgate/sttgate/policy"
)

func TestEveryKeyHasAVariableOfItsOwn(t *testing.T) {
	names := map[string]string{}
	collect(schema(Default()), func(n *node) {
		name := EnvName(n.path)
		if other, taken := names[name]; taken {
			t.Errorf("%s means %s and %s", name, other, n.path)
		}
		names[name] = n.path
		if linked(name, "tcp://10.0.0.1:80") {
			t.Errorf("%s looks like a service link", name)
		}
	})
}

func TestTheEnvironmentWinsOverTheFile(t *testing.T) {
	file := []byte("limits: {streams: 10, message_bytes: 64KiB}\nidentity: {path: false}\nadmin: {token: a}")
	c, s, err := load("f.yaml", file, []string{
		"STTGATE_LIMITS_STREAMS=20", "STTGATE_IDENTITY_PATH=true", "STTGATE_ADMIN_TOKEN=", "STTGATE_DRAIN_GRACE=7d",
		"STTGATE_DRAIN_HARD=8d", "STTGATE_LIMITS_STREAMS=30", "OTHER=x", "sttgate_limits_streams=40",
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Proxy.Limits.Streams != 30 || !c.Proxy.Identity.Path || !c.Admin.Token.Empty() || c.Proxy.Drain.Grace != 7*24*time.Hour {
		t.Errorf("got %+v", c)
	}
	if c.Proxy.Limits.MessageBytes != 64<<10 {
		t.Error("a key of the same section lost its value from the file")
	}
	for key, want := range map[string]string{
		"limits.streams": "env STTGATE_LIMITS_STREAMS", "limits.message_bytes": "f.yaml:1", "limits.idle_timeout": "default", "admin.token": "env STTGATE_ADMIN_TOKEN",
	} {
		if got := s[key].String(); got != want {
			t.Errorf("%s comes from %s, want %s", key, got, want)
		}
	}
}

func TestServiceLinksOfTheClusterAreNoTypos(t *testing.T) {
	for _, e := range []string{
		"STTGATE_PORT=tcp://10.0.0.1:8080", "STTGATE_SERVICE_HOST=10.0.0.1", "STTGATE_SERVICE_PORT=8080", "STTGATE_SERVICE_PORT_HTTP=8080",
		"STTGATE_PORT_8080_TCP=tcp://10.0.0.1:8080", "STTGATE_PORT_8080_TCP_ADDR=10.0.0.1", "STTGATE_PORT_53_UDP_PROTO=udp",
		"STTGATE_ADMIN_PORT=tcp://10.0.0.1:9090", "STTGATE_ADMIN_SERVICE_HOST=10.0.0.1", "STTGATE_ADMIN_PORT_9090_TCP_PORT=9090",
	} {
		if _, _, err := load("", nil, []string{e}); err != nil {
			t.Errorf("%s: %v", e, err)
		}
	}
	for _, e := range []string{"STTGATE_PORT=8080", "STTGATE_ADMIN_PORT=9090", "STTGATE_=1", "STTGATE_LIMITS_PORTS=tcp://x"} {
		if _, _, err := load("", nil, []string{e}); err == nil {
			t.Errorf("%s is ignored", e)
		}
	}
}

func TestTheFairUseNameIsTheLimitOfRestrictedUsersOnDeepgram(t *testing.T) {
	const file = `
budgets:
  - {name: weekly, window: week, stages: [restrict], limit: 1h}
  - {name: dg, stages: [restrict], providers: [deepgram], limit: 1h}
  - {name: any, stages: [restrict], limit: 2h}
  - {name: two, stages: [throttle, restrict], limit: 3h}
  - {name: all, limit: 4h}`
	limits := func(c Config) (out []string) {
		for _, b := range c.Proxy.Budgets {
			out = append(out, b.Name+" "+formatDuration(b.Limit))
		}
		return out
	}
	for _, tc := range []struct {
		name, file, ms string
		want           []string
	}{
		{"the default budget", "", "60000", []string{"deepgram-daily 1m"}},
		{"zero removes the default budget", "", "0", nil},
		{"it wins over the file", file, "1500", []string{"weekly 1h", "dg 1.5s", "any 1.5s", "two 3h", "all 4h"}},
		{"zero removes these budgets alone", file, "0", []string{"weekly 1h", "two 3h", "all 4h"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, s, err := load("f.yaml", []byte(tc.file), []string{"FAIR_USE_RESTRICT_DAILY_DG_MS=" + tc.ms, "FAIR_USE_REDIS_RETENTION_SECONDS=whatever"})
			if err != nil {
				t.Fatal(err)
			}
			if got := limits(c); !slices.Equal(got, tc.want) {
				t.Errorf("budgets %v, want %v", got, tc.want)
			}
			if len(c.Proxy.WithDefaults().Budgets) != len(tc.want) {
				t.Error("a removed budget came back")
			}
			if tc.file != "" && tc.ms == "0" && s["budgets[2].name"].Line != 7 {
				t.Errorf("the last budget comes from %s, want line 7", s["budgets[2].name"])
			}
			if tc.file != "" && tc.ms == "0" && s["budgets[3].name"] != (Source{}) {
				t.Error("a source is left over")
			}
		})
	}
	for _, ms := range []string{"", "-1", "1.5", "30m", "9223372036854775807"} {
		if _, _, err := load("", nil, []string{fairUseDaily + "=" + ms}); err == nil {
			t.Errorf("%q is understood", ms)
		}
	}
	var b policy.Budget
	if restrictDaily(b.WithDefaults()) {
		t.Error("a budget for all stages counts as one for restricted users")
	}
}
