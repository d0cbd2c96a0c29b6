package admin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"
)

// The words of an audit line's "what": a closed set, for whoever filters logs.
const (
	auditStage   = "user.stage"
	auditReset   = "user.reset"
	auditExempt  = "user.exempt"
	auditResolve = "user.resolve"
	auditGrant   = "user.grant"
	auditStream  = "stream.end"
	auditDrain   = "drain"
	auditToken   = "token.mint"
	auditReload  = "config.reload"
)

// Audit writes one line per change: to the log, and where there is one to a file of JSON lines that is only ever appended to.
// The file is opened for each line and synced before it is closed, so that a line survives whatever happens next, and a
// file that was moved away (logrotate) is begun anew. Safe for concurrent use.
//
// A line that could not be written is kept and written first when the file can be written again; until then [Audit.Ready]
// is an error, with which the API refuses every change. So the file lacks at most what was under way when it broke.
type Audit struct {
	log  *slog.Logger
	open func() (auditFile, error) // nil: the log alone

	mu   sync.Mutex
	owed bytes.Buffer
}

// auditFile is what a line is written to.
type auditFile interface {
	io.WriteCloser
	Sync() error
}

// maxOwed bounds what is kept; only changes under way when the file broke add to it.
const maxOwed = 1 << 20

// NewAudit opens the file once, so that a gateway that cannot write it does not start. An empty path is no file.
func NewAudit(path string, log *slog.Logger) (*Audit, error) {
	a := &Audit{log: log}
	if path != "" {
		a.open = func() (auditFile, error) { return os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) }
	}
	if err := a.Ready(); err != nil {
		return nil, err
	}
	return a, nil
}

// Ready is nil when the next line can be written, as far as one can know.
func (a *Audit) Ready() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.flush()
}

// Record writes a line. By its error the file does not have it; the log does.
func (a *Audit) Record(ctx context.Context, attrs ...slog.Attr) error {
	a.log.LogAttrs(ctx, slog.LevelInfo, "audit", attrs...)
	if a.open == nil {
		return nil
	}
	var line bytes.Buffer
	plain := slog.NewJSONHandler(&line, &slog.HandlerOptions{ReplaceAttr: func(groups []string, at slog.Attr) slog.Attr {
		if len(groups) == 0 && (at.Key == slog.LevelKey || at.Key == slog.MessageKey) {
			return slog.Attr{} // it is all of one level, and all audit
		}
		return at
	}})
	r := slog.NewRecord(time.Now().UTC(), slog.LevelInfo, "", 0)
	r.AddAttrs(attrs...)
	if err := plain.Handle(ctx, r); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	err := errors.New("admin.audit_file: too many lines wait for it")
	if a.owed.Len()+line.Len() <= maxOwed {
		a.owed.Write(line.Bytes())
		err = a.flush()
	}
	if err != nil {
		a.log.LogAttrs(ctx, slog.LevelError, "audit line not written", slog.Any("error", err))
	}
	return err
}

// flush writes what is owed; the caller holds mu.
func (a *Audit) flush() error {
	if a.open == nil {
		return nil
	}
	f, err := a.open()
	if err != nil {
		return fmt.Errorf("admin.audit_file: %w", err)
	}
	if a.owed.Len() > 0 {
		var n int
		n, err = f.Write(a.owed.Bytes())
		if err == nil {
			err = f.Sync()
		}
		switch {
		case err == nil:
			a.owed.Reset()
		case n > 0: // torn: the whole line comes again, on one of its own
			rest := bytes.Clone(a.owed.Bytes())
			a.owed.Reset()
			a.owed.WriteByte('\n')
			a.owed.Write(bytes.TrimLeft(rest, "\n"))
		}
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("admin.audit_file: %w", err)
	}
	return nil
}

// audit writes the one line of a change: who, what, before, after, why. It is
// written when the change has been made, and never holds a token.
func (h *Handler) audit(r *http.Request, what string, attrs ...slog.Attr) error {
	all := append([]slog.Attr{
		slog.String("who", callerOf(r).name), slog.String("what", what), slog.String("remote", r.RemoteAddr), slog.String("request", requestOf(r)),
	}, attrs...)
	if err := h.deps.Audit.Record(r.Context(), all...); err != nil {
		return problem{
			Status: http.StatusInternalServerError,
			Detail: "it is done, but admin.audit_file does not take the line (the log has it); further changes are refused until it does",
		}
	}
	return nil
}

func stateAttr(key string, s State) slog.Attr {
	attrs := []any{slog.String("stage", s.Stage)}
	if !s.Until.IsZero() {
		attrs = append(attrs, slog.String("until", s.Until.UTC().Format(time.RFC3339)))
	}
	if s.Reason != "" {
		attrs = append(attrs, slog.String("reason", s.Reason))
	}
	return slog.Group(key, attrs...)
}
