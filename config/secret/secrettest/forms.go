package secrettest

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Forms are the ways in which a scan has to find a word, by name: what a test plants to see that its scan sees.
func Forms() map[string]func(word string) string {
	return map[string]func(string) string{
		"as it is":   func(w string) string { return "Token " + w },
		"upper case": strings.ToUpper,
		"in JSON":    jsonText,
		"in JSON, each letter escaped": func(w string) string {
			return each(w, `\u%04x`)
		},
		"in JSON that is text in JSON": func(w string) string { return jsonText(jsonText(w)) },
		"quoted by Go":                 func(w string) string { return strconv.Quote("key " + w) },
		"in a URL":                     func(w string) string { return "https://host/?key=" + url.QueryEscape(w) },
		"in a URL, each letter escaped": func(w string) string {
			return each(w, "%%%02X")
		},
		"in hexadecimal": func(w string) string { return hex.EncodeToString([]byte("user:" + w)) },
		"in upper hexadecimal": func(w string) string {
			return strings.ToUpper(hex.EncodeToString([]byte(w)))
		},
		"in base64":                       func(w string) string { return base64.StdEncoding.EncodeToString([]byte("user:" + w)) },
		"in base64, behind one byte more": func(w string) string { return base64.StdEncoding.EncodeToString([]byte("users:" + w + " and more")) },
		"in base64 for URLs":              func(w string) string { return base64.RawURLEncoding.EncodeToString([]byte("user1::" + w)) },
	}
}

func each(w, format string) string {
	var b strings.Builder
	for _, c := range []byte(w) {
		fmt.Fprintf(&b, format, c)
	}
	return b.String()
}

func jsonText(w string) string {
	b, _ := json.Marshal(w) // a string always is JSON
	return string(b)
}
