package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// exception is a line, or a block, that the pages' test does not run.
type exception struct {
	page   string // empty: any
	lang   string // of the block; empty: sh
	begins string
	why    string
	held   string // the test that holds it as far as it can be held here; empty: nobody does
}

// elsewhere is the whole list.
func elsewhere() []exception {
	return []exception{
		{page: "docs/laptop.md", why: "runs in a test of its own, without an engine", held: "TestTheHouseAtWork"},
		// No cluster and no engine are where the tests run.
		{begins: "helm ", why: "no cluster", held: "TestTheDocumentedInstallsRender"},
		{begins: "kubectl ", why: "no cluster; nothing here knows kubectl's flags"},
		{begins: "docker ", why: "no engine; the image's own checks run the program out of it", held: "TestTheContainersEnvironmentIsAConfig"},
		{begins: "journalctl ", why: "no systemd"},
		{begins: "openssl s_client ", why: "the server of the pages' test has no TLS"},
		// The pipeline itself, and what it has done before it comes here.
		{begins: "make ", why: "builds, or is, what runs this test", held: "TestEveryTargetThatThePagesNameIsThere"},
		{begins: "go run ./proxy/bench", why: "minutes on an idle machine, and it writes into the pages"},
		{lang: "promql", why: "promtool reads it, and its series are compared with the list, in another package", held: "TestQueriesOfTheDocsAreOnesOfThisGateway"},
		// Stories that need more than one gateway.
		{page: "docs/redis.md", begins: "sttgate ledger ", why: "between gateways that stop and start", held: "TestADayMovesFromFilesToRedisAndOnAsThePageSays"},
		{page: "docs/redis.md", begins: "redis-cli -h ", why: "needs Sentinels", held: "TestTwoGatewaysForwardExactlyOneBudgetWithSentinels"},
		// Files of other programs.
		{page: "docs/ingress.md", lang: "haproxy", why: "runs in a test of its own", held: "TestIngressesLetAQuietStreamLiveAndChangeNoByte"},
		{page: "docs/ingress.md", lang: "nginx", why: "runs in a test of its own", held: "TestIngressesLetAQuietStreamLiveAndChangeNoByte"},
		{page: "docs/ingress.md", lang: "yaml", why: "ingress controllers, Envoy and clouds: not here"},
		{page: "docs/kubernetes.md", lang: "yaml", begins: "env:", why: "of the app's container", held: "TestTheSidecarsEnvironmentIsWhatTheDocumentationSays"},
		{page: "docs/kubernetes.md", lang: "yaml", begins: "rules:", why: "of the Prometheus adapter, which is not here"},
		{page: "docs/kubernetes.md", lang: "yaml", begins: "dependencies:", why: "of the example's Chart.yaml", held: "TestTheExampleHasTheLinesOfThePage"},
		{page: "docs/kubernetes.md", lang: "yaml", begins: "initContainers:", why: "of the example's pod", held: "TestTheExampleHasTheLinesOfThePage"},
		{page: "docs/tuning.md", lang: "yaml", begins: "# yaml-language-server", why: "a comment for editors"},
		// Bodies that another test compares, or sends.
		{page: "docs/classifier.md", lang: "json", why: "what a review sends", held: "TestTheContractIsWhatTheDocumentationShows"},
		{page: "docs/classifier.md", lang: "python", why: "a service", held: "TestTheServiceOfThePageAnswersAsAgreed"},
		{page: "docs/events.md", lang: "json", why: "what is told", held: "TestEachTypeIsAsItsGolden"},
		{page: "docs/admin.md", lang: "json", why: "answers and a line of a file", held: "TestTheAnswersOfOperatorsAreAsThePageShowsThem"},
		{page: "docs/policy.md", lang: "json", why: "a line of a file", held: "TestTheExampleOfSimulateCanBeReplayed"},
	}
}

// TestWhatHoldsTheExceptionsIsThere looks for the tests that the list names.
func TestWhatHoldsTheExceptionsIsThere(t *testing.T) {
	t.Parallel()
	for _, e := range elsewhere() {
		if e.held == "" {
			continue
		}
		if out, err := exec.CommandContext(t.Context(), "grep", "-rlE", "--include=*_test.go", `^func `+e.held+`\(`, repository).CombinedOutput(); err != nil {
			t.Errorf("%s %q: there is no %s %s", e.page, e.begins, e.held, out)
		}
	}
}

// TestEveryTargetThatThePagesNameIsThere holds `make TARGET` in text and blocks.
func TestEveryTargetThatThePagesNameIsThere(t *testing.T) {
	t.Parallel()
	makefile := readPage(t, "Makefile")
	named := regexp.MustCompile("(?m)(?:^|`)make ((?:[a-z][a-z-]* ?)+)")
	n := 0
	for _, page := range pages(t) {
		for _, m := range named.FindAllStringSubmatch(readPage(t, page), -1) {
			for target := range strings.FieldsSeq(m[1]) {
				n++
				if !strings.Contains(makefile, "\n"+target+":") {
					t.Errorf("%s: there is no target %s in the %s", page, target, filepath.Join(repository, "Makefile"))
				}
			}
		}
	}
	if n < 10 {
		t.Errorf("%d targets were found", n)
	}
}
