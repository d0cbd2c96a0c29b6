package proxy

import (
	"net/url"
	"strings"
)

// userPrefix begins a path that names its user: /u/{user}/v1/listen.
const userPrefix = "/u/"

// splitUser takes /u/{user} off a decoded path. rest begins with a slash.
func splitUser(path string) (user, rest string, ok bool) {
	after, ok := strings.CutPrefix(path, userPrefix)
	if !ok {
		return "", "", false
	}
	user, rest, _ = strings.Cut(after, "/")
	return user, "/" + rest, true
}

type pathUser struct {
	user string // decoded
	rest string // what is left, as it was written
	odd  bool   // the written and the decoded path disagree, or there is a second user
}

// readPath finds the user in a path. It reads the path as written, so that an
// encoded slash (/u/a%2Fb) is part of a bad id and not a border, while a%40b.com, as
// many URL builders write it, is a good one.
func readPath(u *url.URL) (pathUser, bool) {
	_, _, decoded := splitUser(u.Path)
	user, rest, ok := splitUser(u.EscapedPath())
	if !ok {
		return pathUser{odd: decoded}, false // /u%2Falice/… or /%75/alice/…
	}
	p := pathUser{rest: rest}
	name, err := url.PathUnescape(user)
	if err != nil {
		p.odd = true
		return p, true
	}
	p.user = name
	if after, err := url.PathUnescape(rest); err != nil || strings.HasPrefix(after, userPrefix) {
		p.odd = true
	}
	return p, true
}

// readQuery returns the values of every parameter of this name, decoded; a value
// that cannot be decoded comes as it stands and is refused for its %. odd reports
// one that only a reader who takes ; for & would find.
func readQuery(raw, name string) (values []string, odd bool) {
	for pair := range strings.SplitSeq(raw, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if sameKey(key, name) {
			values = append(values, unescape(value))
			continue
		}
		if strings.Contains(pair, ";") {
			for part := range strings.SplitSeq(pair, ";") {
				k, _, _ := strings.Cut(part, "=")
				odd = odd || sameKey(k, name)
			}
		}
	}
	return values, odd
}

// cutQuery removes our parameter, and any that holds the caller token, byte for
// byte: what is left stands as the client wrote it, in its order.
func cutQuery(raw, name, own string) string {
	if raw == "" {
		return raw
	}
	pairs := strings.Split(raw, "&")
	kept := pairs[:0]
	for _, pair := range pairs {
		key, value, _ := strings.Cut(pair, "=")
		if name != "" && sameKey(key, name) || own != "" && unescape(value) == own {
			continue
		}
		kept = append(kept, pair)
	}
	return strings.Join(kept, "&")
}

// sameKey compares a parameter's name as leniently as any server might: decoded,
// in any case, with blanks around it.
func sameKey(key, name string) bool {
	return strings.EqualFold(strings.TrimSpace(unescape(key)), name)
}

func unescape(s string) string {
	if d, err := url.QueryUnescape(s); err == nil {
		return d
	}
	return s
}
