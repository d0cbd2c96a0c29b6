package fake

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// speechmaticsJob is a job: Job.Body is its config, Job.Status running, done or rejected.
type speechmaticsJob struct {
	Job
	name    string
	fails   bool
	created time.Time
}

// seconds is the vendor's figure of the audio: whole seconds, up.
func (j *speechmaticsJob) seconds() int64 { return (j.AudioMS + 999) / 1000 }

// about is the job as the API shows it.
func (j *speechmaticsJob) about() map[string]any {
	a := map[string]any{
		"id": j.ID, "status": j.Status, "created_at": j.created.UTC().Format(time.RFC3339), "data_name": j.name, "config": json.RawMessage(j.Body),
	}
	if j.URL == "" || j.Status == "done" {
		a["duration"] = j.seconds()
	}
	if j.Status == "rejected" {
		a["errors"] = []any{map[string]string{"timestamp": a["created_at"].(string), "message": "the audio could not be used"}}
	}
	return a
}

// result is the job's transcript.
func (j *speechmaticsJob) result() map[string]any {
	_, results := speechmaticsSaid(0, float64(j.AudioMS)/1000)
	return map[string]any{
		"format": "2.9", "job": map[string]any{"id": j.ID, "created_at": j.created.UTC().Format(time.RFC3339), "data_name": j.name, "duration": j.seconds()},
		"metadata": map[string]any{"type": "transcription"}, "results": results,
	}
}

// Jobs returns the jobs that were not deleted, oldest first.
func (s *Speechmatics) Jobs() []Job {
	s.vault.Lock()
	defer s.vault.Unlock()
	var out []Job
	for _, j := range s.jobs {
		out = append(out, j.Job)
	}
	return out
}

// createJob takes a form with its parts in any order. fetch_data lasts as many
// seconds as its URL's fragment says ("#t=90") and is not fetched.
func (s *Speechmatics) createJob(w http.ResponseWriter, r *http.Request, c call) {
	u := &Upload{hash: sha256.New(), changed: make(chan struct{}), rec: UploadRecord{
		RequestID: c.id, Query: r.URL.RawQuery, Header: r.Header.Clone(), ContentLength: r.ContentLength,
	}}
	s.enter(u)
	defer s.leave(u)
	j, err := s.receive(r, u)
	if err != nil {
		u.note(func(rec *UploadRecord) { rec.Status = http.StatusBadRequest })
		speechmaticsRefuse(w, http.StatusBadRequest, "Malformed request", err.Error())
		return
	}
	j.fails = c.scenario == JobError
	answer := map[string]any{"id": j.ID}
	if r.URL.Query().Get("wait") != "" {
		j.finish()
		answer["status"] = j.Status
		if j.Status == "done" {
			format := r.URL.Query().Get("format")
			switch format {
			case "", "json-v2":
				answer["json-v2"] = j.result()
			default:
				answer[format] = fmt.Sprintf("%.1f seconds heard.", float64(j.AudioMS)/1000)
			}
		}
	}
	s.vault.Lock()
	s.jobs = append(s.jobs, j)
	s.vault.Unlock()
	u.note(func(rec *UploadRecord) { rec.Complete, rec.Status = true, http.StatusCreated })
	speechmaticsAnswer(w, http.StatusCreated, answer)
}

func (j *speechmaticsJob) finish() {
	j.Status = "done"
	if j.fails {
		j.Status = "rejected"
	}
}

func (s *Speechmatics) receive(r *http.Request, u *Upload) (*speechmaticsJob, error) {
	form, err := r.MultipartReader()
	if err != nil {
		return nil, err
	}
	j := &speechmaticsJob{Job: Job{ID: strings.ReplaceAll(newID(), "-", "")[:10], Status: "running", Header: r.Header.Clone()}, created: time.Now()}
	file := false
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return j, j.complete(file, u)
		}
		if err != nil {
			return nil, err
		}
		switch part.FormName() {
		case "data_file":
			file, j.name = true, part.FileName()
			_, err = io.Copy(u, part)
		case "config":
			var b []byte
			b, err = io.ReadAll(io.LimitReader(part, 1<<20))
			j.Body = string(b)
		default:
			_, err = io.Copy(io.Discard, part)
		}
		if err != nil {
			return nil, err
		}
	}
}

// complete reads the config, when all parts have come.
func (j *speechmaticsJob) complete(file bool, u *Upload) error {
	var m struct {
		Type  string
		Fetch *struct{ URL string }      `json:"fetch_data"`
		Track struct{ Reference string } `json:"tracking"`
	}
	switch {
	case json.Unmarshal([]byte(j.Body), &m) != nil || m.Type == "":
		return errors.New("config is required, with a type")
	case file == (m.Fetch != nil):
		return errors.New("data_file or fetch_data is required, and only one of them")
	}
	j.Reference = m.Track.Reference
	if m.Fetch == nil {
		j.AudioMS = lasting(u.Record())
		return nil
	}
	j.URL = m.Fetch.URL
	if _, after, ok := strings.Cut(j.URL, "#t="); ok {
		var seconds float64
		_, _ = fmt.Sscanf(after, "%g", &seconds) // none: an empty file
		j.AudioMS = int64(seconds * 1000)
	}
	u.note(func(rec *UploadRecord) { rec.URL = j.URL })
	return nil
}

// with finds a job, or refuses.
func (s *Speechmatics) with(w http.ResponseWriter, r *http.Request, then func(j *speechmaticsJob)) {
	s.vault.Lock()
	defer s.vault.Unlock()
	for _, j := range s.jobs {
		if j.ID == r.PathValue("id") {
			then(j)
			return
		}
	}
	speechmaticsRefuse(w, http.StatusNotFound, "Job not found", "there is no such job")
}

// readJob shows a job, which gets on with each read: time would make tests wait.
func (s *Speechmatics) readJob(w http.ResponseWriter, r *http.Request, _ call) {
	s.with(w, r, func(j *speechmaticsJob) {
		if j.Reads++; j.Reads >= s.o.Reads {
			j.finish()
		}
		speechmaticsAnswer(w, http.StatusOK, map[string]any{"job": j.about()})
	})
}

func (s *Speechmatics) transcript(w http.ResponseWriter, r *http.Request, _ call) {
	s.with(w, r, func(j *speechmaticsJob) {
		switch format := r.URL.Query().Get("format"); {
		case j.Status == "rejected":
			speechmaticsRefuse(w, http.StatusNotFound, "Job rejected", "the job was rejected")
		case j.Status != "done":
			speechmaticsRefuse(w, http.StatusNotFound, "Transcription not ready", "the job is running")
		case format == "txt" || format == "srt":
			w.Header().Set("Content-Type", "text/plain")
			_, _ = fmt.Fprintf(w, "%.1f seconds heard.\n", float64(j.AudioMS)/1000)
		default:
			speechmaticsAnswer(w, http.StatusOK, j.result())
		}
	})
}

func (s *Speechmatics) data(w http.ResponseWriter, r *http.Request, _ call) {
	s.with(w, r, func(j *speechmaticsJob) {
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = io.WriteString(w, j.name)
	})
}

func (s *Speechmatics) deleteJob(w http.ResponseWriter, r *http.Request, _ call) {
	s.with(w, r, func(j *speechmaticsJob) {
		if j.Status == "running" && r.URL.Query().Get("force") != "true" {
			speechmaticsRefuse(w, http.StatusLocked, "Resource Locked", "the job is running")
			return
		}
		j.Status = "deleted"
		s.jobs = slices.DeleteFunc(s.jobs, func(o *speechmaticsJob) bool { return o == j })
		speechmaticsAnswer(w, http.StatusOK, map[string]any{"job": j.about()})
	})
}

func (s *Speechmatics) listJobs(w http.ResponseWriter, _ *http.Request, _ call) {
	s.vault.Lock()
	defer s.vault.Unlock()
	list := []any{}
	for _, j := range s.jobs {
		list = append(list, j.about())
	}
	speechmaticsAnswer(w, http.StatusOK, map[string]any{"jobs": list})
}

// usage sums up the jobs; the real one shows whole days that are over.
func (s *Speechmatics) usage(w http.ResponseWriter, _ *http.Request, _ call) {
	s.vault.Lock()
	defer s.vault.Unlock()
	var seconds int64
	for _, j := range s.jobs {
		seconds += j.seconds()
	}
	row := map[string]any{"mode": "batch", "type": "transcription", "count": len(s.jobs), "duration_hrs": float64(seconds) / 3600}
	speechmaticsAnswer(w, http.StatusOK, map[string]any{"summary": []any{row}, "details": []any{row}})
}
