package provider

import "strings"

// Quoter is a Provider that finds the words in its vendor's messages. It is asked only where an operator wants excerpts of what was said.
type Quoter interface {
	// Quote is what a final result says, to be appended to what was said before; "" for any other message.
	Quote(text []byte) string
}

var (
	_ Quoter = Deepgram{}
	_ Quoter = Soniox{}
	_ Quoter = Speechmatics{}
)

// Quote reads channel.alternatives[0].transcript of final Results, and the transcript of a Flux turn that is over.
func (Deepgram) Quote(text []byte) string {
	var typ, final, event, channel, transcript []byte
	for o := members(text); o.next(); {
		switch string(o.key) {
		case "type":
			typ = o.val
		case "is_final":
			final = o.val
		case "event":
			event = o.val
		case "channel":
			channel = o.val
		case "transcript":
			transcript = o.val
		}
	}
	switch {
	case string(typ) == `"TurnInfo"` && string(event) == `"EndOfTurn"`:
		return apart(transcript)
	case string(typ) == `"Results"` && string(final) == "true":
		return apart(within(firstElement(within(channel, "alternatives")), "transcript"))
	}
	return ""
}

// Quote joins the final tokens. They hold their own spaces; translations are no words of the user's.
func (Soniox) Quote(text []byte) string {
	var b strings.Builder
	for a := elements(within(text, "tokens")); a.next(); {
		var word, final, translated []byte
		for o := members(a.val); o.next(); {
			switch string(o.key) {
			case "text":
				word = o.val
			case "is_final":
				final = o.val
			case "translation_status":
				translated = o.val
			}
		}
		if s, ok := jsonText(word); ok && string(final) == "true" && string(translated) != `"translation"` && s != "<fin>" && s != "<end>" {
			b.WriteString(s)
		}
	}
	return b.String()
}

// Quote reads the transcript of an AddTranscript.
func (Speechmatics) Quote(text []byte) string {
	if m := readSpeechmatics(text); string(m.kind) == `"AddTranscript"` {
		return apart(within(m.metadata, "transcript"))
	}
	return ""
}

// apart is the text of a JSON string, set apart from what stands before it.
func apart(raw []byte) string {
	if s, ok := jsonText(raw); ok && s != "" {
		return " " + s
	}
	return ""
}

// within is a member of an object; nil where there is none.
func within(object []byte, name string) []byte {
	for o := members(object); o.next(); {
		if string(o.key) == name {
			return o.val
		}
	}
	return nil
}

func firstElement(list []byte) []byte {
	a := elements(list)
	a.next()
	return a.val
}
