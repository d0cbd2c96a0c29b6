package provider_test

import (
	"testing"

	"github.com/sttgate/sttgate/proxy/provider"
)

func TestWhatAVendorSaysInsideAStreamIsAStatus(t *testing.T) {
	for _, tt := range []struct {
		vendor, says string
		want         int
	}{
		{"soniox", `{"tokens":[],"total_audio_proc_ms":10}`, 0},
		{"soniox", `{"tokens":[],"error_code":402,"error_message":"no credit"}`, 402},
		{"soniox", `{"error_code":429}`, 429},
		{"soniox", `{"error_code":"429"}`, 500},
		{"soniox", `{"error_code":99999}`, 500},
		{"speechmatics", `{"message":"RecognitionStarted","id":"x"}`, 0},
		{"speechmatics", `{"message":"Info","type":"quota_exceeded"}`, 0},
		{"speechmatics", `{"message":"Error","type":"quota_exceeded","reason":"Concurrent Quota Exceeded"}`, 429},
		{"speechmatics", `{"type":"timelimit_exceeded","message":"Error"}`, 402},
		{"speechmatics", `{"message":"Error","type":"insufficient_funds"}`, 402},
		{"speechmatics", `{"message":"Error","type":"not_authorised"}`, 401},
		{"speechmatics", `{"message":"Error","type":"not_allowed"}`, 403},
		{"speechmatics", `{"message":"Error","type":"job_error"}`, 500},
		{"speechmatics", `{"message":"Error","type":"invalid_config"}`, 400},
		{"speechmatics", `{"message":"Error"}`, 400},
	} {
		for _, p := range provider.Builtin() {
			if p.Name() != tt.vendor {
				continue
			}
			s := p.Open(provider.Route{})
			if _, err := s.FromVendor([]byte(tt.says)); err != nil {
				t.Fatal(err)
			}
			if got := s.(provider.Complaining).Complaint(); got != tt.want {
				t.Errorf("%s %s: %d, want %d", tt.vendor, tt.says, got, tt.want)
			}
			s = p.Open(provider.Route{})
			if tt.vendor == "speechmatics" { // before that there is nothing to end
				s = speechmatics(t)
			}
			s.Finish(&provider.Denial{Reason: provider.Draining})
			if _, err := s.FromVendor([]byte(tt.says)); err != nil {
				t.Fatal(err)
			}
			if got := s.(provider.Complaining).Complaint(); got != 0 {
				t.Errorf("%s %s, behind an end of ours: %d", tt.vendor, tt.says, got)
			}
		}
	}
}
