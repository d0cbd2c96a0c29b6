package fake

import (
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"slices"
	"time"
)

// sonioxFile is an uploaded file.
type sonioxFile struct {
	id, name, reference string
	size, ms            int64
	created             time.Time
}

func (f *sonioxFile) answer() map[string]any {
	return map[string]any{
		"id": f.id, "filename": f.name, "size": f.size, "created_at": f.created.UTC().Format(time.RFC3339), "client_reference_id": orNull(f.reference),
	}
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// upload takes a file: the part "file" of a form is heard as it comes.
func (s *Soniox) upload(w http.ResponseWriter, r *http.Request, c call) {
	u := &Upload{hash: sha256.New(), changed: make(chan struct{}), rec: UploadRecord{
		RequestID: c.id, Query: r.URL.RawQuery, Header: r.Header.Clone(), ContentLength: r.ContentLength,
	}}
	s.enter(u)
	defer s.leave(u)
	f, err := s.receive(r, u)
	if err != nil {
		u.note(func(rec *UploadRecord) { rec.Status = http.StatusBadRequest })
		sonioxRefuse(w, http.StatusBadRequest, "invalid_request", err.Error(), c.id)
		return
	}
	s.vault.Lock()
	s.files[f.id] = f
	s.order = append(s.order, f.id)
	s.vault.Unlock()
	u.note(func(rec *UploadRecord) { rec.Complete, rec.Status = true, http.StatusCreated })
	sonioxAnswer(w, http.StatusCreated, f.answer())
}

func (s *Soniox) receive(r *http.Request, u *Upload) (*sonioxFile, error) {
	form, err := r.MultipartReader()
	if err != nil {
		return nil, err
	}
	f := &sonioxFile{id: newID(), created: time.Now()}
	seen := false
	for {
		part, err := form.NextPart()
		switch {
		case errors.Is(err, io.EOF) && seen:
			rec := u.Record()
			f.size, f.ms = rec.Bytes, lasting(rec)
			return f, nil
		case errors.Is(err, io.EOF):
			return nil, errors.New("file: field required")
		case err != nil:
			return nil, err
		}
		switch part.FormName() {
		case "file":
			seen, f.name = true, part.FileName()
			_, err = io.Copy(u, part)
		case "client_reference_id":
			var b []byte
			b, err = io.ReadAll(io.LimitReader(part, 257))
			f.reference = string(b)
		default:
			_, err = io.Copy(io.Discard, part)
		}
		if err != nil {
			return nil, err
		}
	}
}

// lasting is how long a file lasts, in ms: a WAV tells, anything else is taken for
// 128 kbit/s.
func lasting(rec UploadRecord) int64 {
	if rec.AudioMS > 0 {
		return rec.AudioMS
	}
	return rec.Bytes / 16
}

// file finds one, or refuses.
func (s *Soniox) file(w http.ResponseWriter, r *http.Request, c call) *sonioxFile {
	f := s.files[r.PathValue("id")]
	if f == nil {
		sonioxRefuse(w, http.StatusNotFound, "not_found", "File not found.", c.id)
	}
	return f
}

func (s *Soniox) readFile(w http.ResponseWriter, r *http.Request, c call) {
	s.vault.Lock()
	defer s.vault.Unlock()
	if f := s.file(w, r, c); f != nil {
		sonioxAnswer(w, http.StatusOK, f.answer())
	}
}

func (s *Soniox) deleteFile(w http.ResponseWriter, r *http.Request, c call) {
	s.vault.Lock()
	defer s.vault.Unlock()
	if f := s.file(w, r, c); f != nil {
		delete(s.files, f.id)
		s.forget(f.id)
		w.WriteHeader(http.StatusNoContent)
	}
}

// forget takes an id out of the order; the lock is held.
func (s *Soniox) forget(id string) {
	s.order = slices.DeleteFunc(s.order, func(o string) bool { return o == id })
}

func (s *Soniox) listFiles(w http.ResponseWriter, _ *http.Request, _ call) {
	s.vault.Lock()
	defer s.vault.Unlock()
	list := []any{}
	for _, id := range s.order {
		if f := s.files[id]; f != nil {
			list = append(list, f.answer())
		}
	}
	sonioxAnswer(w, http.StatusOK, map[string]any{"files": list, "next_page_cursor": nil})
}

func (s *Soniox) countFiles(w http.ResponseWriter, _ *http.Request, _ call) {
	s.vault.Lock()
	defer s.vault.Unlock()
	sonioxAnswer(w, http.StatusOK, map[string]any{"total": len(s.files)})
}
