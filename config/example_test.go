package config_test

import (
	"fmt"

	"github.com/sttgate/sttgate/config"
)

func ExampleLoad() {
	c, sources, err := config.Load("", []string{"STTGATE_LIMITS_STREAMS_PER_USER=2"})
	if err != nil {
		fmt.Println(err) // one line per fault
		return
	}
	fmt.Println(c.Proxy.Limits.StreamsPerUser, sources["limits.streams_per_user"])
	fmt.Println(c.Proxy.Limits.Streams, sources["limits.streams"])
	// Output:
	// 2 env STTGATE_LIMITS_STREAMS_PER_USER
	// 10000 default
}

func ExampleFaults() {
	_, _, err := config.Load("testdata/busted_duplicate.yaml", nil)
	fmt.Println(err)
	// Output:
	// testdata/busted_duplicate.yaml:3: limits.streams: is set twice, first on line 2
	// testdata/busted_duplicate.yaml:5: listen: is set twice, first on line 4
}
