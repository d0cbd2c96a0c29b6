package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// uploader sends a whole file to a vendor's batch endpoint and waits for its
// transcript.
type uploader struct {
	target target
	file   upload
	sent   func(bytes int64)
	// Every is how often a job is asked after [1 s].
	every time.Duration
}

// upload is a file as it lies there: its container is the vendor's business.
type upload struct {
	name string
	data io.Reader
	size int64
}

// uploaded is what came of it.
type uploaded struct {
	refusal    *refusal
	transcript string
	vendorMS   int64 // -1: not told
	failed     string
}

// batches are the vendors that files can be uploaded to.
func batches() map[string]func(uploader, context.Context) (uploaded, error) {
	return map[string]func(uploader, context.Context) (uploaded, error){
		"deepgram": uploader.deepgram, "soniox": uploader.soniox, "speechmatics": uploader.speechmatics,
	}
}

// deepgram takes the file as the body and answers with the transcript.
func (u uploader) deepgram(ctx context.Context) (uploaded, error) {
	var a struct {
		Metadata struct{ Duration float64 }
		Results  struct {
			Channels []struct{ Alternatives []struct{ Transcript string } }
		}
	}
	no, err := u.post(ctx, "/v1/listen", url.Values{"model": {"nova-3"}, "smart_format": {"true"}}, u.counted(u.file.data), "application/octet-stream", u.file.size, &a)
	if err != nil || no != nil {
		return uploaded{refusal: no}, err
	}
	var texts []string
	for _, c := range a.Results.Channels {
		if len(c.Alternatives) > 0 {
			texts = append(texts, c.Alternatives[0].Transcript)
		}
	}
	return uploaded{transcript: strings.Join(texts, "\n"), vendorMS: int64(math.Round(a.Metadata.Duration * 1000))}, nil
}

// soniox takes the file first; the transcription is a job on it.
func (u uploader) soniox(ctx context.Context) (uploaded, error) {
	body, ctype, size := u.multipart("file", "")
	var file, job struct{ ID string }
	no, err := u.post(ctx, "/v1/files", nil, body, ctype, size, &file)
	if err != nil || no != nil {
		return uploaded{refusal: no}, err
	}
	order, err := json.Marshal(map[string]any{"model": "stt-async-v4", "file_id": file.ID})
	if err != nil {
		return uploaded{}, err
	}
	no, err = u.post(ctx, "/v1/transcriptions", nil, strings.NewReader(string(order)), "application/json", int64(len(order)), &job)
	if err != nil || no != nil {
		return uploaded{refusal: no}, err
	}
	at := "/v1/transcriptions/" + url.PathEscape(job.ID)
	var state struct {
		Status   string
		Duration int64  `json:"audio_duration_ms"`
		Message  string `json:"error_message"`
	}
	err = u.until(ctx, func() (bool, error) {
		err := u.get(ctx, at, &state)
		return state.Status == "completed" || state.Status == "error", err
	})
	if err != nil || state.Status == "error" {
		return uploaded{failed: firstOf(state.Message, "the job failed"), vendorMS: -1}, err
	}
	var text struct{ Text string }
	err = u.get(ctx, at+"/transcript", &text)
	return uploaded{transcript: strings.TrimSpace(text.Text), vendorMS: state.Duration}, err
}

// speechmatics takes the file and what to do with it in one form.
func (u uploader) speechmatics(ctx context.Context) (uploaded, error) {
	body, ctype, size := u.multipart("data_file", `{"type":"transcription","transcription_config":{"language":"en"}}`)
	var made struct{ ID string }
	no, err := u.post(ctx, "/v2/jobs", nil, body, ctype, size, &made)
	if err != nil || no != nil {
		return uploaded{refusal: no}, err
	}
	at := "/v2/jobs/" + url.PathEscape(made.ID)
	var state struct {
		Job struct {
			Status   string
			Duration float64
			Errors   []struct{ Message string }
		}
	}
	err = u.until(ctx, func() (bool, error) {
		err := u.get(ctx, at, &state)
		return state.Job.Status != "running", err
	})
	if err != nil || state.Job.Status != "done" {
		why := "the job is " + state.Job.Status
		if len(state.Job.Errors) > 0 {
			why += ": " + state.Job.Errors[0].Message
		}
		return uploaded{failed: why, vendorMS: -1}, err
	}
	text, err := u.fetch(ctx, at+"/transcript?format=txt")
	return uploaded{transcript: strings.TrimSpace(string(text)), vendorMS: int64(math.Round(state.Job.Duration * 1000))}, err
}

// until asks again and again, until it is so, the context ends or an answer fails.
func (u uploader) until(ctx context.Context, so func() (bool, error)) error {
	t := time.NewTicker(max(u.every, 10*time.Millisecond))
	defer t.Stop()
	for {
		if ok, err := so(); ok || err != nil {
			return err
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// post sends a body and reads the answer, or why it was refused.
func (u uploader) post(ctx context.Context, path string, q url.Values, body io.Reader, ctype string, size int64, into any) (*refusal, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.target.url("http", path, q), body)
	if err != nil {
		return nil, err
	}
	req.Header, req.ContentLength = u.target.bearer(), size
	req.Header.Set("Content-Type", ctype)
	// A gateway that refuses from the headers saves us the body.
	req.Header.Set("Expect", "100-continue")
	res, err := uploadClient().Do(req)
	if err != nil {
		return nil, fmt.Errorf("upload to %s: %w", u.target.url("http", path, nil), err)
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 {
		return readRefusal(res), nil
	}
	return nil, json.NewDecoder(io.LimitReader(res.Body, maxTranscript)).Decode(into)
}

func (u uploader) get(ctx context.Context, path string, into any) error {
	b, err := u.fetch(ctx, path)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

func (u uploader) fetch(ctx context.Context, path string) ([]byte, error) {
	at, q, _ := strings.Cut(path, "?")
	query, err := url.ParseQuery(q)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.target.url("http", at, query), nil)
	if err != nil {
		return nil, err
	}
	req.Header = u.target.bearer()
	return fetch(req)
}

// maxTranscript bounds what is read of a transcript with its words.
const maxTranscript = 64 << 20

// uploadClient follows no redirect: it would carry the credential elsewhere.
func uploadClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment, ExpectContinueTimeout: 5 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
