package ledger_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/meter/ledger/ledgertest"
)

// signer is an authority of a test's own.
type signer struct {
	file string // its certificate
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newSigner(t *testing.T, name string) signer {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{file: written(t, name+".pem", "CERTIFICATE", sign(t, c, c, k, k)), cert: c, key: k}
}

func sign(t *testing.T, c, parent *x509.Certificate, of, by *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &of.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func written(t *testing.T, name, kind string, der []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// serve starts a server that speaks TLS with a certificate for 127.0.0.1, beside its plain port.
func (s signer) serve(t *testing.T) (addr string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	port := ledgertest.FreePort(t)
	ledgertest.StartRedis(t, "--tls-port", port, "--tls-auth-clients", "no", "--tls-ca-cert-file", s.file,
		"--tls-cert-file", written(t, "server.pem", "CERTIFICATE", sign(t, c, s.cert, k, s.key)),
		"--tls-key-file", written(t, "server.key", "EC PRIVATE KEY", der))
	return net.JoinHostPort("127.0.0.1", port)
}

func TestTLSIsSpokenWithWhoIsVouchedForAndWithNobodyElse(t *testing.T) {
	ours, other := newSigner(t, "ours"), newSigner(t, "other")
	addr := ours.serve(t)
	_, port, _ := strings.Cut(addr, ":")
	for name, c := range map[string]struct{ url, class, says string }{
		"our authority's":     {"rediss://" + addr + "?ca=" + ours.file, "", ""},
		"the machine's":       {"rediss://" + addr, "tls", "unknown authority"},
		"another authority's": {"rediss://" + addr + "?ca=" + other.file, "tls", "unknown authority"},
		"another name":        {"rediss://localhost:" + port + "?ca=" + ours.file, "tls", "localhost"},
		"plain to TLS":        {"redis://" + addr, "network", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := openRedis(t, c.url, "f:", nil, ledger.RedisOptions{})
			defer closeStore(t, r)
			g, err := r.Lease(t.Context(), ledger.Request{User: "u", Stream: "a", Scopes: []ledger.Scope{daily(60_000)}, Ceiling: 5000})
			if c.class == "" {
				if err != nil || g.Ceiling != 5000 {
					t.Errorf("%d, %v", g.Ceiling, err)
				}
				return
			}
			if err == nil || ledger.Class(err) != c.class || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v is of class %q, want %q of %q", err, ledger.Class(err), c.class, c.says)
			}
		})
	}
}
