package provider_test

import (
	"flag"
	"testing"

	"github.com/sttgate/sttgate/proxy/provider"
	"github.com/sttgate/sttgate/proxy/provider/providertest"
)

var _ = flag.Bool("update", false, "write the transcripts' expectations anew; read the diff before committing it")

// TestTranscripts plays testdata/<vendor>/*.txt; package providertest has the syntax.
func TestTranscripts(t *testing.T) {
	for _, p := range provider.Builtin() {
		t.Run(p.Name(), func(t *testing.T) { providertest.Run(t, p, "testdata/"+p.Name()) })
	}
}
