package config

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestDurationsAndSizesReadAsTheyAreWrittenOut(t *testing.T) {
	for _, d := range []time.Duration{0, time.Nanosecond, 250 * time.Millisecond, time.Second, 90 * time.Second, 10 * time.Minute, 30 * time.Minute, time.Hour, 10 * time.Hour, 36 * time.Hour, 100*time.Minute + time.Second, 1<<63 - 1} {
		got, err := parseDuration(formatDuration(d))
		if err != nil || got != d {
			t.Errorf("%v is written %s and read %v, %v", d, formatDuration(d), got, err)
		}
	}
	for _, n := range []int64{0, 1, 1000, 1023, 1024, 1536, 1 << 20, 3 << 20, 1 << 30, 1<<30 + 1, 1<<63 - 1} {
		got, err := parseSize(formatSize(n))
		if err != nil || got != n {
			t.Errorf("%d is written %s and read %d, %v", n, formatSize(n), got, err)
		}
	}
}

func TestDurations(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"0": 0, "30m": 30 * time.Minute, "250ms": 250 * time.Millisecond, "7d": 168 * time.Hour, "1d12h": 36 * time.Hour,
	} {
		if got, err := parseDuration(s); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "30", "1.5", "1e3", "5 m", "5m ", "d", "-1d", "1.5d", "1d-1h", "1d+1h", "300000000d", "106751d24h", "7days", "1w"} {
		if got, err := parseDuration(s); err == nil {
			t.Errorf("%q is read as %v", s, got)
		}
	}
}

func TestSizes(t *testing.T) {
	for s, want := range map[string]int64{"0": 0, "512": 512, "512B": 512, "512KiB": 512 << 10, "1MiB": 1 << 20, "2GiB": 2 << 30} {
		if got, err := parseSize(s); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "B", "1MB", "1K", "1 MiB", "-1", "+1", "1.5MiB", "1iB", "0x10", "1_000", "9223372036854775807KiB", "9223372036854775808"} {
		if got, err := parseSize(s); err == nil {
			t.Errorf("%q is read as %v", s, got)
		}
	}
}

func TestAMisspeltWordIsAnsweredWithTheNearestOne(t *testing.T) {
	known := []string{"streams", "streams_per_user", "message_bytes"}
	for word, want := range map[string]string{
		"stream": "did you mean streams?", "straems": "did you mean streams?", "Streams": "did you mean streams?",
		"message_byte": "did you mean message_bytes?", "zzz": "known here: " + strings.Join(known, ", "),
	} {
		if got := suggest(word, known); got != want {
			t.Errorf("%s: %s; want %s", word, got, want)
		}
	}
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "abd", 1}, {"kitten", "sitting", 3}} {
		if got := edits(c.a, c.b); got != c.want || edits(c.b, c.a) != c.want {
			t.Errorf("%q to %q: %d edits, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestFieldsBecomeKeys(t *testing.T) {
	for field, want := range map[string]string{
		"URL": "url", "MaxStreams": "max_streams", "OnConnect": "on_connect", "JWKSURL": "jwksurl", "RealtimeURL": "realtime_url", "OTLPEndpoint": "otlp_endpoint", "Budget80": "budget_80",
	} {
		if got := snake(field); got != want {
			t.Errorf("%s: %s, want %s", field, got, want)
		}
	}
}

func TestTheKeysOfTheContractExist(t *testing.T) {
	var got []string
	schema(Default()).leaves(func(n *node) { got = append(got, n.path) })
	slices.Sort(got)
	want := strings.Fields(`
		admin.audit_file admin.listen admin.read_token admin.token
		budgets budgets[0].limit budgets[0].name budgets[0].on_connect budgets[0].on_exhausted budgets[0].per budgets[0].plans
		budgets[0].providers budgets[0].shadow budgets[0].stages budgets[0].window
		drain.grace drain.hard
		events.file events.file_bytes events.file_keep events.interval events.max_bytes events.mode events.token events.url
		identity.anonymous identity.header identity.origins identity.path identity.peer_secret identity.query
		identity.tokens.audience identity.tokens.issuer identity.tokens.plan_claim identity.tokens.secret identity.tokens.user_claim
		identity.trusted_peers
		ledger.outage.grace_per_stream ledger.outage.grace_per_user ledger.outage.mode ledger.path ledger.redis.layout ledger.redis.prefix ledger.redis.replicas ledger.redis.timeout ledger.redis.url ledger.slice ledger.store ledger.timezone
		limits.dial_timeout limits.header_timeout limits.idle_timeout limits.message_bytes limits.stream_duration limits.streams limits.streams_per_user limits.streams_total
		limits.upload_bytes limits.upload_duration
		listen log.format log.level meter.unmeasured
		notify.texts.budget_80 notify.texts.budget_95 notify.texts.budget_back notify.texts.budget_spent notify.texts.free_exhausted notify.texts.restored notify.texts.step
		notify.webhook.secret notify.webhook.url
		policy.basis policy.caps policy.caps[0].limit policy.caps[0].name policy.caps[0].window policy.caps[1].limit policy.caps[1].name policy.caps[1].window policy.caps[2].limit policy.caps[2].name policy.caps[2].window
		policy.check_interval policy.enabled policy.exempt_users
		policy.external.key policy.external.redis_key policy.external.redis_url policy.external.timeout policy.external.ttl policy.external.url
		policy.kill_switch policy.plans
		policy.review.classifier.concurrency policy.review.classifier.include_transcripts policy.review.classifier.key policy.review.classifier.model
		policy.review.classifier.timeout policy.review.classifier.type policy.review.classifier.url policy.review.cooldown
		policy.review.credits.key policy.review.credits.refresh policy.review.credits.timeout policy.review.credits.type policy.review.credits.url
		policy.review.threshold policy.review.window policy.shadow policy.source
		policy.stages.restrict.actions.max_streams policy.stages.restrict.actions.model policy.stages.restrict.actions.notify policy.stages.restrict.actions.pace policy.stages.restrict.actions.refuse policy.stages.restrict.decay policy.stages.restrict.enter_after
		policy.stages.throttle.actions.max_streams policy.stages.throttle.actions.model policy.stages.throttle.actions.notify policy.stages.throttle.actions.pace policy.stages.throttle.actions.refuse policy.stages.throttle.decay policy.stages.throttle.enter_after
		policy.stages.warning.actions.max_streams policy.stages.warning.actions.model policy.stages.warning.actions.notify policy.stages.warning.actions.pace policy.stages.warning.actions.refuse policy.stages.warning.decay policy.stages.warning.enter_after
		policy.users
		providers.deepgram.allow providers.deepgram.charge providers.deepgram.key providers.deepgram.listen providers.deepgram.max_streams providers.deepgram.realtime_url providers.deepgram.url
		providers.soniox.allow providers.soniox.charge providers.soniox.key providers.soniox.listen providers.soniox.max_streams providers.soniox.realtime_url providers.soniox.url
		providers.speechmatics.allow providers.speechmatics.charge providers.speechmatics.key providers.speechmatics.listen providers.speechmatics.max_streams providers.speechmatics.realtime_url providers.speechmatics.url
		refuse.retry_after
		tracing.otlp_endpoint tracing.sample`)
	if !slices.Equal(got, want) {
		t.Errorf("keys are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
