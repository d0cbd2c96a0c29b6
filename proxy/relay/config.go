package relay

import "time"

// Config bounds a stream. Zero values mean the defaults in brackets.
type Config struct {
	MaxMessage    int64         // bytes of one message, fragments together [1 MiB]; larger: 1009
	MaxText       int           // bytes of a text message that is gathered for the Tap [64 KiB]; larger from the client: 1009, from the vendor: passes unread
	WriteTimeout  time.Duration // how long a peer may take no bytes before the stream is given up [30 s]
	CloseTimeout  time.Duration // how long to wait for the answer to a Close [2 s]
	FinishTimeout time.Duration // how long to wait for the vendor's last words after a polite end [5 s]
	IdleTimeout   time.Duration // how long a peer may be silent, pongs included [60 s]
	PingEvery     time.Duration // own pings to a peer that has been silent this long [20 s]
	Engine        *Engine       // what streams wait with [nil: a goroutine and a buffer per direction]
}

func (c Config) withDefaults() Config {
	c.MaxMessage = orDefault(c.MaxMessage, 1<<20)
	c.MaxText = orDefault(c.MaxText, 64<<10)
	c.WriteTimeout = orDefault(c.WriteTimeout, 30*time.Second)
	c.CloseTimeout = orDefault(c.CloseTimeout, 2*time.Second)
	c.FinishTimeout = orDefault(c.FinishTimeout, 5*time.Second)
	c.IdleTimeout = orDefault(c.IdleTimeout, 60*time.Second)
	c.PingEvery = orDefault(c.PingEvery, 20*time.Second)
	return c
}

func orDefault[T int | int64 | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}
