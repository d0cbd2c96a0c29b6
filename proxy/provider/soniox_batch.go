package provider

import (
	"encoding/json"
	"mime"
	"net/http"
	"time"
)

// Body says that a file is the part "file" of a form. Its other part, a
// client_reference_id, comes behind it.
func (Soniox) Body(_ Route, contentType string) (Body, error) {
	typ, params, err := mime.ParseMediaType(contentType)
	if err != nil || typ != "multipart/form-data" || params["boundary"] == "" {
		return Body{}, unsupported("a file is sent as multipart/form-data, in the part \"file\"")
	}
	return Body{Part: "file"}, nil
}

// Order reads what a transcription is made of: a file, or a URL. Its
// client_reference_id is set where the vendor's key is ours.
func (Soniox) Order(rt Route, body []byte) (Order, error) {
	fields, err := exactFields(body, "file_id", "audio_url", "client_reference_id", "model")
	if err != nil {
		return Order{}, err
	}
	var o Order
	var url string
	for _, f := range []struct {
		key string
		to  *string
	}{{"file_id", &o.File}, {"audio_url", &url}} {
		if raw, ok := fields[f.key]; ok && json.Unmarshal(raw, f.to) != nil {
			return Order{}, bad(f.key + " must be a string")
		}
	}
	o.URL = url != ""
	switch {
	case o.URL == (o.File != ""):
		return Order{}, bad("a transcription needs a file_id or an audio_url, and only one of them")
	case o.File != "" && !sonioxID(o.File):
		return Order{}, bad("file_id is not an id of the vendor's")
	}
	text, swap := sonioxRemodel(body, fields["model"], rt.Models, sonioxAsyncModel)
	if o.Model = swap; swap.Used != "" {
		o.Replace = text
	}
	if rt.Reference != "" {
		o.Replace = setMember(text, "client_reference_id", rt.Reference)
	}
	return o, nil
}

// Outcome reads a file or a transcription, alone or as the answer that made it.
func (Soniox) Outcome(rt Route, status int, body []byte) Outcome {
	if status >= http.StatusBadRequest {
		// A read that fails tells nothing of the job.
		return Outcome{Failed: rt.Mode == ModeFile || rt.Mode == ModeJob}
	}
	var out Outcome
	for o := members(body); o.next(); {
		switch string(o.key) {
		case "id":
			if json.Unmarshal(o.val, &out.ID) != nil {
				out.ID = ""
			}
		case "status":
			out.Failed = string(o.val) == `"error"`
			out.Done = out.Failed || string(o.val) == `"completed"`
		case "audio_duration_ms": // null, or 0, until it is known
			if ms, ok := seconds(o.val); ok && ms > 0 {
				out.Duration, out.Known = ms/1000, true
			}
		}
	}
	return out
}

// What a temporary key may last.
const (
	sonioxLeastTTL = 1
	sonioxMostTTL  = 3600
)

// Grant reads a request for a temporary key. What a caller token cannot promise is
// refused: a key that can do more than was asked for is not what was asked for.
func (Soniox) Grant(_ Route, body []byte) (time.Duration, error) {
	fields, err := exactFields(body, "usage_type", "expires_in_seconds", "single_use", "max_session_duration_seconds")
	if err != nil {
		return 0, err
	}
	var usage string
	if json.Unmarshal(fields["usage_type"], &usage) != nil || usage != "transcribe_websocket" {
		return 0, bad(`usage_type must be "transcribe_websocket": other keys are not given out here`)
	}
	if v := string(fields["single_use"]); v != "" && v != "false" && v != "null" {
		return 0, bad("single_use is not possible for keys of this gateway: leave it out and let the key expire")
	}
	if v := string(fields["max_session_duration_seconds"]); v != "" && v != "null" {
		return 0, bad("max_session_duration_seconds is not possible for keys of this gateway: it ends streams by budget")
	}
	n, ok := number(string(fields["expires_in_seconds"]))
	if !ok || n < sonioxLeastTTL || n > sonioxMostTTL {
		return 0, bad("expires_in_seconds must be a number from 1 to 3600")
	}
	return time.Duration(n) * time.Second, nil
}

// Granted is the vendor's 201.
func (Soniox) Granted(_ Route, token string, ttl time.Duration, now time.Time) (int, []byte) {
	b, err := json.Marshal(map[string]string{"api_key": token, "expires_at": now.Add(ttl).UTC().Format("2006-01-02T15:04:05.000Z")})
	if err != nil { // two strings: cannot happen
		return http.StatusInternalServerError, nil
	}
	return http.StatusCreated, b
}
