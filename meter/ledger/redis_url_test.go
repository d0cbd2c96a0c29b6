package ledger

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestRedisURLs(t *testing.T) {
	ca := authority(t)
	for _, c := range []struct{ url, want string }{
		{"redis://127.0.0.1:6379/0", "[127.0.0.1:6379] db 0 as  ()"},
		{"redis://h", "[h:6379] db 0 as  ()"},
		{"redis://[::1]/3", "[[::1]:6379] db 3 as  ()"},
		{"redis://gate:p%40ss%3A@h:1/2", "[h:1] db 2 as gate (p@ss:)"},
		{"redis://:pw@h", "[h:6379] db 0 as  (pw)"},
		{"rediss://h", "[h:6379] db 0 as  () tls h"},
		{"rediss://h?ca=" + ca, "[h:6379] db 0 as  () tls h ca"},
		{"redis+cluster://a?addr=b:7&addr=c", "[a:6379 b:7 c:6379] db 0 as  () cluster"},
		{"rediss+cluster://u:p@a", "[a:6379] db 0 as u (p) cluster tls a"},
		{"redis+sentinel://u:p@a/mymaster?addr=b&db=4&sentinel_user=s&sentinel_password=q", "[a:26379 b:26379] db 4 as u (p) master mymaster by s (q)"},
	} {
		o, err := parseRedisURL(c.url)
		if err != nil {
			t.Errorf("%s: %v", c.url, err)
			continue
		}
		got := fmt.Sprintf("%v db %d as %s (%s)", o.Addrs, o.DB, o.Username, o.Password)
		if o.IsClusterMode {
			got += " cluster"
		}
		if o.MasterName != "" {
			got += fmt.Sprintf(" master %s by %s (%s)", o.MasterName, o.SentinelUsername, o.SentinelPassword)
		}
		if o.TLSConfig != nil {
			got += " tls " + o.TLSConfig.ServerName
			if o.TLSConfig.RootCAs != nil {
				got += " ca"
			}
		}
		if got != c.want {
			t.Errorf("%s:\n%s, want\n%s", c.url, got, c.want)
		}
	}
}

func TestRedisURLFaultsShowNoPassword(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]string{
		"http://:s3cret@h":                             "must begin with",
		"redis+x://:s3cret@h":                          "must begin with",
		"s3cret":                                       "must begin with",
		"redis://:s3cret@h:port":                       "is not a URL",
		"redis://:s3cret@":                             "names no host",
		"redis://:s3cret@h/zero":                       "has a database",
		"redis://:s3cret@h/-1":                         "has a database",
		"redis+cluster://:s3cret@h/1":                  "has a database",
		"redis+sentinel://:s3cret@h":                   "must name the master",
		"redis://:s3cret@h?addr=i":                     "is that of one server",
		"redis://:s3cret@h?password=s3cret":            "parameter that is not known",
		"redis://:s3cret@h?max_retries=9":              "parameter that is not known",
		"rediss://:s3cret@h?skip_verify=true":          "parameter that is not known",
		"redis://:s3cret@h?ca=/x":                      "without TLS",
		"rediss://:s3cret@h?ca=/nowhere/ca.pem":        "no such file",
		"rediss://:s3cret@h?ca=" + empty:               "no certificate",
		"redis://:s3cret@h?a=%zz":                      "query that cannot be read",
		"redis+sentinel://h/m?sentinel_pasword=s3cret": "parameter that is not known",
	} {
		_, err := parseRedisURL(url)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want %s", url, err, want)
		}
	}
}

// authority writes a certificate that signs itself.
func authority(t *testing.T) string {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, &c, &c, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
