package proxy

import (
	"time"

	"github.com/sttgate/sttgate/meter"
)

// container is the clock of audio that says itself what it is.
type container interface {
	meter.Clock // an error of Write says that it cannot be measured
	// Declared is how long the whole will be by its own headers and the length of the body, -1
	// where that is not known.
	Declared(bytes int64) (time.Duration, bool)
	// Channels is 0 before it is known.
	Channels() int
	// Known says that it was recognized.
	Known() bool
}

func newContainer() container { //nolint:ireturn // the port
	return meter.NewAuto()
}
