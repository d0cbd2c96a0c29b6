package admin

import (
	"log/slog"
	"net/http"
	"time"
)

// The words of an audit line's "what": a closed set, for whoever filters logs.
const (
	auditStage   = "user.stage"
	auditReset   = "user.reset"
	auditExempt  = "user.exempt"
	auditResolve = "user.resolve"
	auditStream  = "stream.end"
	auditDrain   = "drain"
	auditToken   = "token.mint"
	auditReload  = "config.reload"
)

// audit writes the one line of a change: who, what, before, after, why. It is
// written when the change has been made, and never holds a token.
func (h *Handler) audit(r *http.Request, what string, attrs ...slog.Attr) {
	all := append([]slog.Attr{
		slog.String("who", h.who()), slog.String("what", what), slog.String("remote", r.RemoteAddr),
	}, attrs...)
	h.deps.Log.LogAttrs(r.Context(), slog.LevelInfo, "audit", all...)
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
