package provider

import (
	"encoding/json"
	"mime"
	"net/http"
	"time"
)

var (
	_ Batch   = Speechmatics{}
	_ Granter = Speechmatics{}
)

// Body says that the audio is the part data_file of a form, and the job's config the
// part config, in any order: the JavaScript SDK sends it last.
func (Speechmatics) Body(_ Route, contentType string) (Body, error) {
	typ, params, err := mime.ParseMediaType(contentType)
	if err != nil || typ != "multipart/form-data" || params["boundary"] == "" {
		return Body{}, unsupported("a job is sent as multipart/form-data, with the parts config and data_file")
	}
	return Body{Part: "data_file", Order: "config"}, nil
}

// Order reads a job's config. With fetch_data the vendor gets the audio itself. Where
// the vendor's key is ours, a job without a reference gets the user's name as one.
func (Speechmatics) Order(rt Route, config []byte) (Order, error) {
	fields, err := exactFields(config, "fetch_data", "tracking")
	if err != nil {
		return Order{}, err
	}
	fetch := fields["fetch_data"]
	o := Order{URL: fetch != nil && string(fetch) != "null"}
	text, swap, err := speechmaticsRemodel(config, rt.Models)
	if err != nil {
		return Order{}, err
	}
	if o.Model = swap; swap.Used != "" {
		o.Replace = text
	}
	if rt.Reference != "" {
		if tracked := speechmaticsTracked(text, fields["tracking"], rt.Reference); tracked != nil {
			o.Replace = tracked
		}
	}
	return o, nil
}

// speechmaticsTracked returns the config with tracking.reference, nil where it has one: it is
// the application's to match its own records by.
func speechmaticsTracked(config, tracking []byte, reference string) []byte {
	tracked := []byte(`{"reference":` + string(jsonString(reference)) + `}`)
	if tracking == nil || string(tracking) == "null" {
		return setRaw(config, "tracking", tracked)
	}
	fields, err := exactFields(tracking, "reference")
	if err != nil || fields["reference"] != nil { // no object: the vendor's to refuse
		return nil
	}
	return setRaw(config, "tracking", setMember(tracking, "reference", reference))
}

// Outcome reads a job, alone or with its transcript.
//
//	{"id":…}                                         made
//	{"id":…,"status":"done","json-v2":{"job":{…}}}   made and waited for (?wait=)
//	{"job":{"id":…,"status":…,"duration":…}}         read, deleted
//	{"format":…,"job":{"id":…,"duration":…},…}       its transcript: it is done
//
// A list of jobs, and a transcript as text, tell nothing that could be settled.
func (Speechmatics) Outcome(rt Route, status int, body []byte) (out Outcome) {
	if status >= http.StatusBadRequest {
		failed := rt.Mode == ModeUpload // a read that fails tells nothing of the job
		return Outcome{Done: failed, Failed: failed}
	}
	for o := members(body); o.next(); {
		switch string(o.key) {
		case "id", "status":
			out.job(o.key, o.val)
		case "job":
			for m := members(o.val); m.next(); {
				out.job(m.key, m.val)
			}
		case "format": // a transcript's; what is cut off behind it does not matter
			out.Done = true
		case "results":
			out.heard(rt, o.val)
		case "json-v2":
			for m := members(o.val); m.next(); {
				switch string(m.key) {
				case "results":
					out.heard(rt, m.val)
				case "job":
					for j := members(m.val); j.next(); {
						out.job(j.key, j.val)
					}
				}
			}
		}
	}
	return out
}

// heard reads a transcript's words; those of several channels lie above each other.
func (out *Outcome) heard(rt Route, results []byte) {
	if !rt.Words || space(results, 0) == len(results) || results[0] != '[' {
		return
	}
	var all []span
	for e := elements(results); e.next(); {
		if from, to, ok := timed(e.val, "start_time", "end_time"); ok {
			all = append(all, span{from, to})
		}
	}
	out.Speech, out.Heard = union(all), true
}

// job reads a member of a job.
func (out *Outcome) job(key, val []byte) {
	switch string(key) {
	case "id":
		if id, ok := jsonText(val); ok {
			out.ID = id
		}
	case "status":
		switch string(val) {
		case `"rejected"`:
			out.Done, out.Failed = true, true
		case `"done"`, `"deleted"`, `"expired"`:
			out.Done = true
		}
	case "duration": // whole seconds; 0 or absent until the vendor has fetched a URL
		if d, ok := seconds(val); ok && d > 0 {
			out.Duration, out.Known = d, true
		}
	}
}

// What a temporary key may last.
const (
	speechmaticsLeastTTL = time.Minute
	speechmaticsMostTTL  = 24 * time.Hour
)

// Grant reads {"ttl":60,…}; without a ttl a key lasts a minute. The other members (region,
// client_ref) mean nothing for a key that is good here only.
func (Speechmatics) Grant(_ Route, body []byte) (time.Duration, error) {
	if space(body, 0) == len(body) {
		return speechmaticsLeastTTL, nil
	}
	fields, err := exactFields(body, "ttl")
	if err != nil {
		return 0, err
	}
	raw := fields["ttl"]
	if raw == nil {
		return speechmaticsLeastTTL, nil
	}
	n, ok := number(string(raw))
	if ttl := time.Duration(n) * time.Second; ok && ttl >= speechmaticsLeastTTL && ttl <= speechmaticsMostTTL {
		return ttl, nil
	}
	return 0, &Error{Status: http.StatusUnprocessableEntity, Detail: "ttl must be a whole number of seconds from 60 to 86400"}
}

// Granted is the vendor's 201: one SDK takes no other status for success.
func (Speechmatics) Granted(_ Route, token string, _ time.Duration, _ time.Time) (int, []byte) {
	b, err := json.Marshal(struct {
		ID  *string `json:"apikey_id"`
		Key string  `json:"key_value"`
	}{nil, token})
	if err != nil { // a string: cannot happen
		return http.StatusInternalServerError, nil
	}
	return http.StatusCreated, b
}
