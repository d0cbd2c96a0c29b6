package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sttgate/sttgate/proxy/fake"
)

// everyVendor runs a test for each vendor that send knows.
func everyVendor(t *testing.T, f func(t *testing.T, vendor string)) {
	t.Helper()
	t.Parallel()
	for vendor := range dialects() {
		t.Run(vendor, func(t *testing.T) {
			t.Parallel()
			f(t, vendor)
		})
	}
}

// vendorRules give a user of a vendor so much of it, with a key of the gateway's if any.
func vendorRules(vendor, limit, key string) string {
	return fmt.Sprintf("providers: {%s: {key: %q}}\nbudgets: [{name: daily, providers: [%s], window: 24h, limit: %s}]\n", vendor, key, vendor, limit)
}

// wavFile is a file of so many seconds, 16-bit at 16 kHz.
func wavFile(t *testing.T, seconds int) (file string, sum string) {
	t.Helper()
	n := uint32(seconds * 32000)
	var b bytes.Buffer
	b.WriteString("RIFF")
	_ = binary.Write(&b, binary.LittleEndian, n+36) // a buffer takes all
	b.WriteString("WAVEfmt ")
	_ = binary.Write(&b, binary.LittleEndian, struct {
		Size         uint32
		Tag, Chans   uint16
		Rate, Bytes  uint32
		Block, Depth uint16
	}{16, 1, 1, 16000, 32000, 2, 16})
	b.WriteString("data")
	_ = binary.Write(&b, binary.LittleEndian, n)
	for i := range n {
		b.WriteByte(byte(i * 7 >> 3))
	}
	file = filepath.Join(t.TempDir(), "talk.wav")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	s := sha256.Sum256(b.Bytes())
	return file, hex.EncodeToString(s[:])
}

// uploads are what a vendor was sent.
func (h *house) uploads(vendor string) (all []fake.UploadRecord) {
	for _, u := range h.vendors.by[vendor].(interface{ Uploads() []*fake.Upload }).Uploads() {
		all = append(all, u.Record())
	}
	return all
}

// comesTo waits for what ann has used of her budget to be so much: what was bought and not used is
// given back behind the answer.
func (h *house) comesTo(t *testing.T, vendor string, ms int64) {
	t.Helper()
	guard, cancel := context.WithTimeout(t.Context(), hang)
	defer cancel()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		b, err := h.books(guard, vendor, "ann")
		switch {
		case err != nil:
			t.Fatalf("used are %d ms, want %d: %v", b.used, ms, err)
		case b.used == ms:
			return
		}
		<-look.C
	}
}

func TestSendUploadsAFileToEveryVendorAndTellsWhatItSaid(t *testing.T) {
	everyVendor(t, func(t *testing.T, vendor string) {
		h := newHouse(t, vendorRules(vendor, "5s", "the-vendors-key"))
		file, sum := wavFile(t, 3)
		args := []string{"send", file, "--upload", "--provider", vendor, "--url", "ws://" + h.gateway.DataAddr(), "--user", "ann", "--json"}
		r, code := sendJSON(t.Context(), t, args)
		if code != exitDone || r.Result != resultDone || r.VendorMS == nil || *r.VendorMS != 3000 || !strings.Contains(r.Transcript, "3.0") {
			t.Fatalf("exit code %d, report %+v", code, r)
		}
		if len(r.Budgets) != 1 || r.Budgets[0].RemainingMS != 2000 {
			t.Errorf("budgets: %+v", r.Budgets)
		}
		got := h.uploads(vendor)
		if len(got) != 1 || got[0].SHA256 != sum || !slices.Contains([]string{"Token the-vendors-key", "Bearer the-vendors-key"}, got[0].Header.Get("Authorization")) {
			t.Errorf("the vendor did not hear the file, with the gateway's key: %+v", got)
		}

		// Two seconds are left, which is not enough.
		r, code = sendJSON(t.Context(), t, args)
		if code != exitFailed || r.Result != resultRefused || r.Refusal == nil || r.Refusal.Status != 429 || r.Refusal.Reason != reasonExhausted {
			t.Errorf("exit code %d, report %+v, refusal %+v", code, r, r.Refusal)
		}
		h.comesTo(t, vendor, 3000) // a refused file costs nothing
		// With Soniox the file is no cost, its transcription would have been.
		if n := len(h.uploads(vendor)); (n == 1) == (vendor == "soniox") {
			t.Errorf("%d uploads at the vendor", n)
		}
	})
}

func TestSendTellsWhyAnUploadFailedAtTheVendor(t *testing.T) {
	everyVendor(t, func(t *testing.T, vendor string) {
		h := newHouse(t, vendorRules(vendor, "5s", "")) // the client's own key passes, and picks the misbehaviour
		file, _ := wavFile(t, 3)
		send := func(key string) (report, int) {
			return sendJSON(t.Context(), t, []string{
				"send", file, "--upload", "--provider", vendor, "--url", "ws://" + h.gateway.DataAddr(), "--user", "ann", "--token", key, "--json",
			})
		}
		r, code := send(string(fake.Refuse403))
		if code != exitFailed || r.Result != resultRefused || r.Refusal == nil || r.Refusal.Status != 403 || r.Refusal.Reason != "" {
			t.Errorf("exit code %d, report %+v, refusal %+v", code, r, r.Refusal)
		}
		if vendor != "deepgram" { // which has no jobs
			if r, code = send(string(fake.JobError)); code != exitFailed || r.Result != resultBroken || r.Why == "" || r.VendorMS != nil {
				t.Errorf("exit code %d, report %+v", code, r)
			}
		}
		h.comesTo(t, vendor, 0) // a vendor's failure costs nothing
	})
}

func TestSendStreamsInEveryVendorsDialect(t *testing.T) {
	everyVendor(t, func(t *testing.T, vendor string) {
		h := newHouse(t, vendorRules(vendor, "12s", "the-vendors-key"))
		send := func() (report, int) {
			return sendJSON(t.Context(), t, append(speechFile(t), "--provider", vendor, "--url", "ws://"+h.gateway.DataAddr(), "--user", "ann", "--speed", "max"))
		}
		r, code := send()
		if code != exitDone || r.Result != resultDone || r.SentMS != 11000 || !strings.Contains(r.Transcript, "11.0 seconds heard") {
			t.Fatalf("exit code %d, report %+v", code, r)
		}
		guard, cancel := context.WithTimeout(t.Context(), hang)
		defer cancel()
		streams, err := h.vendors.by[vendor].Wait(guard, 1)
		if err != nil {
			t.Fatal(err)
		}
		if rec := streams[0].Record(); rec.SHA256 != speechSum(int64(len(speech))) || rec.Credential != "the-vendors-key" {
			t.Errorf("the vendor heard %d bytes, %s", rec.AudioBytes, rec.SHA256)
		}

		// One second is left: the stream is cut, and the one behind it refused.
		if r, code = send(); code != exitFailed || r.Result != resultCut || !strings.Contains(r.Why, "daily") {
			t.Errorf("exit code %d, report %+v", code, r)
		}
		if len(r.Budgets) != 1 || r.Budgets[0].RemainingMS != 0 {
			t.Errorf("budgets: %+v", r.Budgets)
		}
		if r, code = send(); code != exitFailed || r.Result != resultRefused || !strings.Contains(r.Why, "daily") {
			t.Errorf("exit code %d, report %+v", code, r)
		}
	})
}
