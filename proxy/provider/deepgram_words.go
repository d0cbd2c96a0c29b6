package provider

import "time"

// heard adds the words of a final result: channel.alternatives[0].words[]. The results of
// several channels overlap; speech is their union, for the audio was heard once.
func (s *deepgramSession) heard(channel []byte) { s.said(deepgramWords(channel)) }

// deepgramWords finds the words of a channel, in a result or in the answer to an upload.
func deepgramWords(channel []byte) []byte {
	for o := members(channel); o.next(); {
		if string(o.key) != "alternatives" {
			continue
		}
		for a := elements(o.val); a.next(); {
			for m := members(a.val); m.next(); {
				if string(m.key) == "words" {
					return m.val
				}
			}
			return nil // the others are readings of the same words
		}
	}
	return nil
}

// turned adds the words of a turn that is over, or, where its words have no times, the
// turn's own: Flux begins its window where the speaker does.
func (s *deepgramSession) turned(start, end, words []byte) {
	if s.said(words) > 0 {
		return
	}
	from, ok1 := seconds(start)
	to, ok2 := seconds(end)
	if a := elements(words); !ok1 || !ok2 || !a.next() {
		return // a turn without a word
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.speech.add(from, to)
}

// said adds the words of a list that have times, and counts them.
func (s *deepgramSession) said(list []byte) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for a := elements(list); a.next(); {
		if from, to, ok := timed(a.val, "start", "end"); ok {
			s.speech.add(from, to)
			n++
		}
	}
	return n
}

// timed reads the times of a word, in seconds.
func timed(word []byte, start, end string) (from, to time.Duration, ok bool) {
	var ok1, ok2 bool
	for o := members(word); o.next(); {
		switch string(o.key) {
		case start:
			from, ok1 = seconds(o.val)
		case end:
			to, ok2 = seconds(o.val)
		}
	}
	return from, to, ok1 && ok2
}
