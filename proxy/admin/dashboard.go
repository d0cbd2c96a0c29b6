package admin

import (
	"embed"
	"io/fs"
	"net/http"
	"path"
)

// The dashboard is a page and the files beside it, as they were written: there is no build step, and nothing is fetched from
// elsewhere. Everything that it knows it asks the API for, with the token that its user types in; so the files
// themselves are open, like the probes.
//
//go:embed dashboard
var dashboardFiles embed.FS

// dashboardPolicy allows the page its own files and its own API. Trusted Types make the browser refuse what would parse text as
// markup: a user's id or an operator's reason can be anything.
const dashboardPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// dashboardKinds are the content types of its files.
func dashboardKinds() map[string]string {
	return map[string]string{".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
}

func (h *Handler) dashboardCalls() []call {
	return []call{
		{http.MethodGet, "/", func(w http.ResponseWriter, r *http.Request, _ string) { dashboardFile(w, r, "index.html") }, about{
			name: "dashboard", tag: "probes", says: "The dashboard", more: "Open: a page that holds nothing. It asks for the token, and then this API.",
			answers: []good{{status: http.StatusOK, says: "the page", kinds: []string{"text/html"}}},
		}},
		{http.MethodGet, "/dashboard/{id}", dashboardFile, about{
			name: "dashboardFile", tag: "probes", says: "A file of the dashboard", more: "Open.", id: "the file's name",
			answers:  []good{{status: http.StatusOK, says: "the file", kinds: []string{"text/javascript", "text/css", "image/svg+xml"}}},
			problems: []int{http.StatusNotFound},
		}},
	}
}

func dashboardFile(w http.ResponseWriter, _ *http.Request, name string) {
	kind, known := dashboardKinds()[path.Ext(name)]
	b, err := fs.ReadFile(dashboardFiles, "dashboard/"+name)
	if err != nil || !known {
		problem{Status: http.StatusNotFound, Detail: "there is nothing at this path"}.write(w)
		return
	}
	head := w.Header()
	head.Set("Content-Type", kind+"; charset=utf-8")
	head.Set("Content-Security-Policy", dashboardPolicy)
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("X-Frame-Options", "DENY")
	head.Set("Cross-Origin-Opener-Policy", "same-origin")
	head.Set("Cross-Origin-Resource-Policy", "same-origin")
	_, _ = w.Write(b) //nolint:gosec // G705: an embedded file, as it is; of the request only its name. The browser may be gone
}
