package proxy

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/sttgate/sttgate/proxy/provider"
)

// form is what a pass through parts found.
type form struct {
	out, audio, order []byte
}

// through passes a body in pieces.
func through(contentType string, body []byte, next func() int) (form, error) {
	var f form
	p, err := newParts(contentType, provider.Body{Part: "data_file", Order: "config"}, int64(len(body)))
	if err != nil {
		return f, err
	}
	p.begins = func(most int64) error {
		if most > int64(len(body)) {
			return errors.New("more audio than body")
		}
		return nil
	}
	p.audio = func(b []byte) error { f.audio = append(f.audio, b...); return nil }
	p.order = func(b []byte) ([]byte, error) { f.order = bytes.Clone(b); return b, nil }
	for rest := body; len(rest) > 0; {
		n := min(len(rest), max(next(), 1))
		out, err := p.feed(bytes.Clone(rest[:n]))
		if err != nil {
			return f, err
		}
		f.out, rest = append(f.out, out...), rest[n:]
	}
	return f, p.end()
}

func TestAFormPassesByteForByteHoweverItIsCut(t *testing.T) {
	for seed := range uint64(500) {
		rnd := rand.New(rand.NewPCG(seed, 3)) //nolint:gosec // repeatable on purpose
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		audio, config := make([]byte, rnd.IntN(5000)), []byte(`{"type":"transcription"}`)
		for i := range audio { // near misses of the boundary
			audio[i] = "\r\n-"[rnd.IntN(3)]
			if rnd.IntN(3) == 0 {
				audio[i] = byte(rnd.Uint32())
			}
		}
		parts := []func() error{
			func() error {
				f, err := w.CreateFormFile("data_file", "a.wav")
				if err == nil {
					_, err = f.Write(audio)
				}
				return err
			},
			func() error { return w.WriteField("config", string(config)) },
			func() error { return w.WriteField("other", strings.Repeat("x", rnd.IntN(100))) },
		}
		rnd.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		for _, part := range parts {
			if err := part(); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		f, err := through(w.FormDataContentType(), body.Bytes(), func() int { return rnd.IntN(1 + rnd.IntN(200)) })
		if err != nil || !bytes.Equal(f.out, body.Bytes()) || !bytes.Equal(f.audio, audio) || !bytes.Equal(f.order, config) {
			t.Fatalf("form %d: %v, %d of %d bytes, %d of %d audio, order %s", seed, err, len(f.out), body.Len(), len(f.audio), len(audio), f.order)
		}
	}
}

func TestFormsThatCanBeReadInTwoWaysAreRefused(t *testing.T) {
	const (
		open  = "--b0undary\r\n"
		audio = "Content-Disposition: form-data; name=\"data_file\"; filename=\"a\"\r\n\r\nAUDIO"
		next  = "\r\n--b0undary\r\n"
		end   = "\r\n--b0undary--\r\n"
	)
	for name, body := range map[string]string{
		"nothing":                     "",
		"a preamble":                  "hello\r\n" + open + audio + end,
		"an epilogue":                 open + audio + end + "more",
		"no end":                      open + audio,
		"half an end":                 open + audio + "\r\n--b0undary",
		"bare line feeds":             strings.ReplaceAll(open+audio+end, "\r\n", "\n"),
		"a boundary behind a bare LF": open + audio + "\n--b0undary\r\nx" + end,
		"a boundary inside a line":    open + audio + "--b0undary" + end,
		"a boundary with a blank":     open + audio + "\r\n--b0undary \r\n" + end,
		"a longer boundary":           open + audio + "\r\n--b0undaryX\r\n" + end,
		"audio twice":                 open + audio + next + audio + end,
		"a part without a name":       open + "Content-Type: text/plain\r\n\r\nx" + end,
		"a part with two names":       open + "Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=data_file\r\n\r\nx" + end,
		"a name twice":                open + "Content-Disposition: form-data; name=a; name=data_file\r\n\r\nx" + end,
		"an extended name":            open + "Content-Disposition: form-data; name=a; name*=utf-8''data_file\r\n\r\nx" + end,
		"a name in a file's name":     open + "Content-Disposition: form-data; name=a; filename=\"x; name=data_file\"\r\n\r\nx" + end,
		"a folded header":             open + "Content-Disposition: form-data;\r\n name=data_file\r\n\r\nx" + end,
		"a header that is none":       open + "Content-Disposition form-data\r\n\r\nx" + end,
		"a bare CR in a header":       open + "Content-Disposition: form-data; name=a\rX: y\r\n\r\nx" + end,
		"base64":                      open + "Content-Transfer-Encoding: base64\r\n" + audio + end,
		"gzip":                        open + "Content-Encoding: gzip\r\n" + audio + end,
		"another file":                open + "Content-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nAUDIO" + end,
		"a large other part":          open + "Content-Disposition: form-data; name=\"x\"\r\n\r\n" + strings.Repeat("A", 9<<10) + end,
		"a large order":               open + "Content-Disposition: form-data; name=\"config\"\r\n\r\n" + strings.Repeat("A", 1<<20+1) + end,
		"a large header":              open + "X: " + strings.Repeat("A", 9<<10) + "\r\n" + audio + end,
		"many parts":                  open + strings.Repeat("Content-Disposition: form-data; name=\"x\"\r\n\r\nx"+next, 40),
		"a strange name":              open + "Content-Disposition: form-data; name=\"data file\"\r\n\r\nx" + end,
	} {
		for _, size := range []int{1, 7, 1 << 20} {
			_, err := through(`multipart/form-data; boundary=b0undary`, []byte(body), func() int { return size })
			if fault, ok := errors.AsType[*provider.Error](err); !ok || fault.Status != 400 {
				t.Errorf("%s in pieces of %d: %v", name, size, err)
			}
		}
	}
	for _, ct := range []string{"", "audio/wav", "multipart/form-data", "multipart/mixed; boundary=x", "multipart/form-data; boundary=\"\"", "multipart/form-data; boundary=\"a b\"", "multipart/form-data; boundary=" + strings.Repeat("x", 71)} {
		if _, err := newParts(ct, provider.Body{Part: "f"}, -1); err == nil {
			t.Errorf("%q is a form", ct)
		}
	}
}

func TestAnOrderMayBeRewrittenUnlessItsLengthIsTold(t *testing.T) {
	for header, ok := range map[string]bool{"": true, "Content-Length: 2\r\n": false} {
		p, err := newParts("multipart/form-data; boundary=x", provider.Body{Part: "f", Order: "config"}, -1)
		if err != nil {
			t.Fatal(err)
		}
		p.order = func([]byte) ([]byte, error) { return []byte(`{"more":1}`), nil }
		out, err := p.feed([]byte("--x\r\n" + header + "Content-Disposition: form-data; name=config\r\n\r\n{}\r\n--x--"))
		want := "--x\r\nContent-Disposition: form-data; name=config\r\n\r\n{\"more\":1}\r\n--x--"
		if (err == nil) != ok || ok && string(out) != want {
			t.Errorf("%q, %v", out, err)
		}
	}
}

// FuzzForm holds: what passes is what came, and a common parser finds the same audio in it.
func FuzzForm(f *testing.F) {
	f.Add("--x\r\nContent-Disposition: form-data; name=\"data_file\"\r\n\r\nAUDIO\r\n--x--\r\n", byte(1))
	f.Add("--x\r\nContent-Disposition: form-data; name=\"config\"\r\n\r\n{}\r\n--x\r\nContent-Disposition: form-data; name=\"data_file\"; filename=a\r\n\r\n\r\n--\r\n--x--", byte(3))
	f.Add("\r\n--x\r\nContent-Disposition: form-data; name=data_file\r\n\r\n\r\n\n--x\r\n--x--", byte(200))
	f.Fuzz(func(t *testing.T, body string, size byte) {
		got, err := through("multipart/form-data; boundary=x", []byte(body), func() int { return int(size) })
		whole, werr := through("multipart/form-data; boundary=x", []byte(body), func() int { return 1 << 20 })
		if (err == nil) != (werr == nil) || err == nil && !bytes.Equal(got.audio, whole.audio) {
			t.Fatalf("the cut matters: %v, %v", err, werr)
		}
		if err != nil {
			return
		}
		if string(got.out) != body {
			t.Fatalf("%q became %q", body, got.out)
		}
		if other := commonly(body); !bytes.Equal(got.audio, other) {
			t.Fatalf("%q: %q here, %q to others", body, got.audio, other)
		}
	})
}

// commonly is the audio as mime/multipart finds it.
func commonly(body string) (audio []byte) {
	r := multipart.NewReader(strings.NewReader(body), "x")
	for {
		part, err := r.NextRawPart()
		if err != nil {
			return audio
		}
		b, _ := io.ReadAll(part)
		if part.FormName() == "data_file" {
			audio = append(audio, b...)
		}
	}
}
