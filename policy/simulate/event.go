package simulate

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// The types of the events that are read; others are passed over.
const (
	typePart    = "dev.sttgate.usage.part.v1"
	typeEnd     = "dev.sttgate.usage.end.v1"
	typeRefusal = "dev.sttgate.usage.refusal.v1"
)

func wanted(typ string) bool { return typ == typePart || typ == typeEnd || typ == typeRefusal }

// event is what is read of a line (CloudEvents 1.0, JSON). An end's audio is that since the last part. A refusal has a count: it
// may stand for some.
type event struct {
	id, source     []byte // good until the next line is read
	typ            string
	user           string
	at             time.Time
	plan, provider string
	to             time.Time
	audio, speech  int64
	heard          bool // the speech was told
	count          int64
}

// eventReader reads a line after the other, name by name: of some thirty values a dozen matter, and looking for a field for each of
// the others was half of a simulation's time. The tokens are those of what is to be the standard library's second JSON package
// (github.com/go-json-experiment/json; the release was three weeks old when it was chosen).
type eventReader struct {
	dec   *jsontext.Decoder
	words intern
	event event
	read  uint // the names of the object at hand that were read, a bit each
}

func newEventReader() *eventReader {
	return &eventReader{dec: jsontext.NewDecoder(new(bytes.Buffer)), words: intern{}}
}

// line is the event of a line. It is good until the next call.
func (r *eventReader) line(text []byte) (*event, error) {
	r.event = event{id: r.event.id[:0], source: r.event.source[:0]}
	var early jsontext.Value // data of an event whose type comes after it
	err := r.whole(text, func(name []byte) (err error) {
		e := &r.event
		switch string(name) {
		case "id":
			e.id, err = r.text(1<<0, e.id)
		case "source":
			e.source, err = r.text(1<<1, e.source)
		case "type":
			e.typ, err = r.word(1 << 2)
		case "subject":
			e.user, err = r.word(1 << 3)
		case "time":
			e.at, err = r.time(1 << 4)
		case "data":
			early, err = r.data(1 << 5)
		default:
			err = r.dec.SkipValue()
		}
		return err
	})
	if err == nil && early != nil && wanted(r.event.typ) {
		err = r.whole(early, r.member)
	}
	return &r.event, err
}

// data reads the value of the event's data, or gives it back unread: only the type tells what it looks like.
func (r *eventReader) data(bit uint) (jsontext.Value, error) {
	switch {
	case r.event.typ == "":
		v, err := r.value(bit, 0)
		return v.Clone(), err
	case !wanted(r.event.typ):
		return nil, r.dec.SkipValue()
	}
	if err := r.once(bit); err != nil {
		return nil, err
	}
	outer := r.read
	err := r.object(r.member)
	r.read = outer
	return nil, err
}

// member reads a value of the data.
func (r *eventReader) member(name []byte) (err error) {
	e := &r.event
	switch string(name) {
	case "plan":
		e.plan, err = r.word(1 << 0)
	case "provider":
		e.provider, err = r.word(1 << 1)
	case "to":
		e.to, err = r.time(1 << 2)
	case "audio_ms":
		e.audio, _, err = r.number(1 << 3)
	case "speech_ms":
		e.speech, e.heard, err = r.number(1 << 4)
	case "count":
		e.count, _, err = r.number(1 << 5)
	default:
		err = r.dec.SkipValue()
	}
	return err
}

// whole reads a text that is one object and nothing more.
func (r *eventReader) whole(text []byte, member func(name []byte) error) error {
	r.dec.Reset(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true)) // once looks at those that are read, which is cheaper
	if err := r.object(member); err != nil {
		where := r.dec.StackPointer()
		if syntax := (*jsontext.SyntacticError)(nil); where == "" || errors.As(err, &syntax) { // which says where
			return err
		}
		return fmt.Errorf("%s: %w", where, err)
	}
	if _, err := r.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the event")
	}
	return nil
}

// object reads an object. member is told each name, and reads the value.
func (r *eventReader) object(member func(name []byte) error) error {
	r.read = 0
	switch open, err := r.dec.ReadToken(); {
	case err != nil:
		return err
	case open.Kind() != '{':
		return fmt.Errorf("%v where an object should be", open.Kind())
	}
	for r.dec.PeekKind() != '}' {
		quoted, err := r.dec.ReadValue()
		if err != nil {
			return err
		}
		name, err := unquoted(quoted)
		if err != nil {
			return err
		}
		if err := member(name); err != nil {
			return err
		}
	}
	_, err := r.dec.ReadToken()
	return err
}

// once refuses a name that stands twice: nobody could say which of two amounts was meant.
func (r *eventReader) once(bit uint) error {
	if r.read&bit != 0 {
		return errors.New("it stands twice")
	}
	r.read |= bit
	return nil
}

// value reads a value of a kind (0: any). Null is one that is not there, and nothing.
func (r *eventReader) value(bit uint, kind jsontext.Kind) (jsontext.Value, error) {
	if err := r.once(bit); err != nil {
		return nil, err
	}
	v, err := r.dec.ReadValue()
	switch {
	case err != nil:
		return nil, err
	case v.Kind() == 'n':
		return nil, nil
	case kind != 0 && v.Kind() != kind:
		return nil, fmt.Errorf("%v where a %v should be", v.Kind(), kind)
	}
	return v, nil
}

// text is a string, behind into.
func (r *eventReader) text(bit uint, into []byte) ([]byte, error) {
	v, err := r.value(bit, '"')
	if err != nil || v == nil {
		return into, err
	}
	s, err := unquoted(v)
	return append(into, s...), err
}

// word is a string of which there are few.
func (r *eventReader) word(bit uint) (string, error) {
	v, err := r.value(bit, '"')
	if err != nil || v == nil {
		return "", err
	}
	s, err := unquoted(v)
	return r.words.of(s), err
}

func (r *eventReader) time(bit uint) (at time.Time, err error) {
	v, err := r.value(bit, '"')
	if err != nil || v == nil {
		return at, err
	}
	s, err := unquoted(v)
	if err != nil {
		return at, err
	}
	err = at.UnmarshalText(s)
	return at, err
}

// number is a whole number, and whether it is there.
func (r *eventReader) number(bit uint) (n int64, there bool, err error) {
	v, err := r.value(bit, '0')
	if err != nil || v == nil {
		return 0, false, err
	}
	if n, err = strconv.ParseInt(string(v), 10, 64); err != nil {
		return 0, false, fmt.Errorf("%s is no whole number, or too large", v)
	}
	return n, true, nil
}

// unquoted is what a string says. It shares memory with it where it can.
func unquoted(quoted jsontext.Value) ([]byte, error) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1], nil
	}
	return jsontext.AppendUnquote[jsontext.Value](nil, quoted)
}

// intern keeps one copy of each word: a million events have few of them.
type intern map[string]string

func (w intern) of(s []byte) string {
	if have, ok := w[string(s)]; ok {
		return have
	}
	w[string(s)] = string(s)
	return w[string(s)]
}
