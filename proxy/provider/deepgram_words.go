package provider

// heard adds the words of a final result: channel.alternatives[0].words[]. The results of
// several channels overlap; speech is their union, for the audio was heard once.
func (s *deepgramSession) heard(channel []byte) {
	for o := members(channel); o.next(); {
		if string(o.key) != "alternatives" {
			continue
		}
		for a := elements(o.val); a.next(); {
			for m := members(a.val); m.next(); {
				if string(m.key) == "words" {
					s.words(m.val)
				}
			}
			return // the others are readings of the same words
		}
	}
}

// turned adds the words of a turn that is over, or, where its words have no times, the
// turn's own: Flux begins its window where the speaker does.
func (s *deepgramSession) turned(start, end, words []byte) {
	if s.words(words) > 0 {
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

// words adds those of a list that have times, and counts them.
func (s *deepgramSession) words(list []byte) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for a := elements(list); a.next(); {
		var start, end []byte
		for o := members(a.val); o.next(); {
			switch string(o.key) {
			case "start":
				start = o.val
			case "end":
				end = o.val
			}
		}
		from, ok1 := seconds(start)
		to, ok2 := seconds(end)
		if ok1 && ok2 {
			s.speech.add(from, to)
			n++
		}
	}
	return n
}
