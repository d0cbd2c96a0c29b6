package fake

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Job is a transcription as a value.
type Job struct {
	ID, Model, File, URL, Reference string
	Status                          string // queued, processing, completed, error
	AudioMS                         int64  // what will be told of it
	Reads                           int
	Body                            string      // of the request that made it
	Header                          http.Header // of that request, with credentials: for tests only
}

type sonioxJob struct {
	Job
	name    string
	fails   bool
	created time.Time
}

func (j *sonioxJob) answer() map[string]any {
	a := map[string]any{
		"id": j.ID, "status": j.Status, "created_at": j.created.UTC().Format(time.RFC3339), "model": j.Model, "filename": j.name,
		"audio_url": orNull(j.URL), "file_id": orNull(j.File), "client_reference_id": orNull(j.Reference),
		"audio_duration_ms": nil, "error_type": nil, "error_message": nil,
	}
	switch j.Status {
	case "completed":
		a["audio_duration_ms"] = j.AudioMS
	case "error":
		a["error_type"], a["error_message"] = "invalid_audio_file", "Invalid audio file."
	}
	return a
}

// Jobs returns the transcriptions that were not deleted, oldest first.
func (s *Soniox) Jobs() []Job {
	s.vault.Lock()
	defer s.vault.Unlock()
	var out []Job
	for _, id := range s.order {
		if j := s.jobs[id]; j != nil {
			out = append(out, j.Job)
		}
	}
	return out
}

// createJob makes a transcription of a file, or of a URL, which lasts as many seconds
// as its fragment says ("#t=90") and is not fetched.
func (s *Soniox) createJob(w http.ResponseWriter, r *http.Request, c call) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	var m struct {
		Model string `json:"model"`
		File  string `json:"file_id"`
		URL   string `json:"audio_url"`
		Ref   string `json:"client_reference_id"`
	}
	if err != nil || json.Unmarshal(body, &m) != nil || m.Model == "" || (m.File == "") == (m.URL == "") {
		sonioxRefuse(w, http.StatusBadRequest, "invalid_request", "model, and file_id or audio_url are required", c.id)
		return
	}
	j := &sonioxJob{Job: Job{
		ID: newID(), Model: m.Model, File: m.File, URL: m.URL, Reference: m.Ref, Status: "queued", Body: string(body), Header: r.Header.Clone(),
	}, fails: c.scenario == JobError, created: time.Now()}
	s.vault.Lock()
	defer s.vault.Unlock()
	if m.File != "" {
		f := s.files[m.File]
		if f == nil {
			sonioxRefuse(w, http.StatusNotFound, "not_found", "File not found.", c.id)
			return
		}
		j.AudioMS, j.name = f.ms, f.name
	}
	if _, after, ok := strings.Cut(m.URL, "#t="); ok {
		var seconds float64
		_, _ = fmt.Sscanf(after, "%g", &seconds) // none: an empty file
		j.AudioMS = int64(seconds * 1000)
	}
	s.jobs[j.ID] = j
	s.order = append(s.order, j.ID)
	sonioxAnswer(w, http.StatusCreated, j.answer())
}

// job finds one, or refuses; the lock is held.
func (s *Soniox) job(w http.ResponseWriter, r *http.Request, c call) *sonioxJob {
	j := s.jobs[r.PathValue("id")]
	if j == nil {
		sonioxRefuse(w, http.StatusNotFound, "not_found", "Transcription not found.", c.id)
	}
	return j
}

// readJob shows a job, which gets on with each read: time would make tests wait.
func (s *Soniox) readJob(w http.ResponseWriter, r *http.Request, c call) {
	s.vault.Lock()
	defer s.vault.Unlock()
	j := s.job(w, r, c)
	if j == nil {
		return
	}
	switch j.Reads++; {
	case j.Reads < s.o.Reads:
		j.Status = "processing"
	case j.fails:
		j.Status = "error"
	default:
		j.Status = "completed"
	}
	sonioxAnswer(w, http.StatusOK, j.answer())
}

func (s *Soniox) transcript(w http.ResponseWriter, r *http.Request, c call) {
	s.vault.Lock()
	defer s.vault.Unlock()
	j := s.job(w, r, c)
	switch {
	case j == nil:
	case j.Status != "completed":
		sonioxRefuse(w, http.StatusConflict, "invalid_state", "Transcription is not completed.", c.id)
	default:
		tokens := sonioxSaid(0, j.AudioMS, true)
		var text strings.Builder
		for _, t := range tokens {
			text.WriteString(t.Text)
		}
		sonioxAnswer(w, http.StatusOK, map[string]any{"id": j.ID, "text": text.String(), "tokens": tokens})
	}
}

func (s *Soniox) deleteJob(w http.ResponseWriter, r *http.Request, c call) {
	s.vault.Lock()
	defer s.vault.Unlock()
	j := s.job(w, r, c)
	switch {
	case j == nil:
	case j.Status == "processing":
		sonioxRefuse(w, http.StatusConflict, "invalid_state", "Transcription is being processed.", c.id)
	default:
		delete(s.jobs, j.ID)
		s.forget(j.ID)
		w.WriteHeader(http.StatusNoContent)
	}
}

func (s *Soniox) listJobs(w http.ResponseWriter, _ *http.Request, _ call) {
	s.vault.Lock()
	defer s.vault.Unlock()
	list := []any{}
	for _, id := range s.order {
		if j := s.jobs[id]; j != nil {
			list = append(list, j.answer())
		}
	}
	sonioxAnswer(w, http.StatusOK, map[string]any{"transcriptions": list, "next_page_cursor": nil})
}

func (s *Soniox) countJobs(w http.ResponseWriter, _ *http.Request, _ call) {
	s.vault.Lock()
	defer s.vault.Unlock()
	sonioxAnswer(w, http.StatusOK, map[string]any{"total": len(s.jobs)})
}
