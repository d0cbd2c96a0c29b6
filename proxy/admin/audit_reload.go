package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// Reloading is an attempt to put another config into force, as the audit log tells it. The API's own are told by the [Handler], all others by
// whoever has made them.
type Reloading struct {
	Who, Why string     // Who is "" for the Handler, which knows better
	Before   string     // hash of the config that was in force
	Diff     ConfigDiff // what it has done; nothing where Err is not nil
	Err      error      // ConfigFaults where the file is to blame
}

// Reloaded writes the line of a reload that was not asked for over the API.
func (a *Audit) Reloaded(ctx context.Context, r Reloading) error {
	return a.Record(ctx, append([]slog.Attr{slog.String("who", r.Who), slog.String("what", auditReload)}, r.attrs()...)...)
}

// attrs are those of the line but for who. One that was refused says so, and that the same config is in force as before.
func (r Reloading) attrs() []slog.Attr {
	if r.Err != nil {
		return []slog.Attr{
			slog.String("result", "refused"), slog.String("before", r.Before), slog.String("after", r.Before), slog.Any("faults", faultLines(r.Err)), slog.String("why", r.Why),
		}
	}
	return []slog.Attr{
		slog.String("result", "reloaded"), slog.String("before", r.Before), slog.String("after", r.Diff.Hash), slog.Any("changes", changeLines(r.Diff.Changes)),
		slog.Any("needs_restart", changeLines(r.Diff.Restart)), slog.String("why", r.Why),
	}
}

func changeLines(changes []ConfigChange) []string {
	out := []string{}
	for _, c := range changes {
		out = append(out, fmt.Sprintf("%s: %s -> %s", c.Key, c.From, c.To))
	}
	return out
}

// faultLines are what is wrong with a file, or the one error of another kind.
func faultLines(err error) (out []string) {
	var faults ConfigFaults
	if !errors.As(err, &faults) {
		return []string{err.Error()}
	}
	for _, f := range faults {
		out = append(out, f.String())
	}
	return out
}
