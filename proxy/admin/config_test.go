package admin

import (
	"strings"
	"testing"

	"github.com/sttgate/sttgate/config/secret"
)

func TestWithoutATokenTheListenerMustBeOnLoopback(t *testing.T) {
	for listen, local := range map[string]bool{
		"": true, "127.0.0.1:9090": true, "127.8.8.8:0": true, "[::1]:9090": true, "localhost:9090": true, "[::ffff:127.0.0.1]:9090": true,
		":9090": false, "0.0.0.0:9090": false, "[::]:9090": false, "10.0.0.1:9090": false, "loopback.example:9090": false, "127.0.0.1.example:9090": false,
	} {
		c := Config{Listen: listen}.WithDefaults()
		err := c.Validate()
		if local != (err == nil) || err != nil && !strings.HasPrefix(err.Error(), "admin.listen: ") {
			t.Errorf("%q without a token: %v", listen, err)
		}
		c.Token = secret.New("token")
		if err := c.Validate(); err != nil {
			t.Errorf("%q with a token: %v", listen, err)
		}
	}
}

func TestAListenAddressIsAHostAndAPort(t *testing.T) {
	for _, listen := range []string{"9090", "localhost", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:65536", "127.0.0.1:-1"} {
		if err := (Config{Listen: listen}).Validate(); err == nil {
			t.Errorf("%q is accepted", listen)
		}
	}
}

func TestATokenMustFitIntoAHeaderAndIsNotShown(t *testing.T) {
	for _, token := range []string{"a b", "a\n", "\tCANARY", "CANARYé", "a\x00"} {
		err := Config{Token: secret.New(token)}.WithDefaults().Validate()
		if err == nil || !strings.HasPrefix(err.Error(), "admin.token: ") || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%q: %v", token, err)
		}
	}
}

func TestAReadTokenIsBesideTheOther(t *testing.T) {
	for name, tt := range map[string]struct{ token, read, says string }{
		"both":            {"write", "read", ""},
		"alone":           {"", "read", "admin.read_token: is set while admin.token is empty"},
		"the same":        {"write", "write", "admin.read_token: is the same"},
		"with a space":    {"write", "CANARY x", "admin.read_token: has characters"},
		"neither":         {"", "", ""},
		"only the writer": {"write", "", ""},
	} {
		err := Config{Token: secret.New(tt.token), ReadToken: secret.New(tt.read)}.WithDefaults().Validate()
		if (err == nil) != (tt.says == "") || err != nil && (!strings.HasPrefix(err.Error(), tt.says) || strings.Contains(err.Error(), "CANARY")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
