package provider

// object walks the members of a JSON object without decoding it: a message that
// passes unchanged must not cost an allocation. It is lenient (the peer parses for
// itself) and never reads outside its input. Keys are compared as written: an
// escaped key is a foreign key.
type object struct {
	b        []byte
	i        int    // where the next member is looked for
	key, val []byte // of the current member; val as written, with its quotes
	from     int    // where the member begins in b
	at       int    // where val begins in b
}

// members starts a walk; it has no members when b is not an object.
func members(b []byte) object {
	i := space(b, 0)
	if i >= len(b) || b[i] != '{' {
		return object{b: b, i: len(b)}
	}
	return object{b: b, i: i + 1}
}

// next moves to the next member; false at the end and at the first thing that is
// no JSON.
func (o *object) next() bool {
	i := space(o.b, o.i)
	o.i = len(o.b)
	if i < len(o.b) && o.b[i] == ',' {
		i = space(o.b, i+1)
	}
	if i >= len(o.b) || o.b[i] != '"' {
		return false
	}
	end := skip(o.b, i)
	if end < 0 {
		return false
	}
	o.key, o.from = o.b[i+1:end-1], i
	if i = space(o.b, end); i >= len(o.b) || o.b[i] != ':' {
		return false
	}
	o.at = space(o.b, i+1)
	if end = skip(o.b, o.at); end < 0 {
		return false
	}
	o.val, o.i = o.b[o.at:end], end
	return true
}

// array walks the elements of a JSON array.
type array struct {
	b   []byte
	i   int
	val []byte
	at  int
}

func elements(b []byte) array {
	i := space(b, 0)
	if i >= len(b) || b[i] != '[' {
		return array{b: b, i: len(b)}
	}
	return array{b: b, i: i + 1}
}

func (a *array) next() bool {
	i := space(a.b, a.i)
	a.i = len(a.b)
	if i < len(a.b) && a.b[i] == ',' {
		i = space(a.b, i+1)
	}
	if i >= len(a.b) || a.b[i] == ']' {
		return false
	}
	end := skip(a.b, i)
	if end < 0 {
		return false
	}
	a.at, a.val, a.i = i, a.b[i:end], end
	return true
}

// space returns where the white space at i ends.
func space(b []byte, i int) int {
	for i < len(b) && blank(b[i]) {
		i++
	}
	return i
}

// skip returns where the value that begins at i ends, or -1.
func skip(b []byte, i int) int {
	if i >= len(b) {
		return -1
	}
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		return skipNested(b, i)
	case '}', ']', ',', ':':
		return -1
	}
	for i < len(b) && !delimiter(b[i]) {
		i++
	}
	return i
}

func skipString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// skipNested counts brackets; depth is not limited because it does not recurse.
func skipNested(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			if i = skipString(b, i); i < 0 {
				return -1
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
		i++
	}
	return -1
}

func delimiter(c byte) bool {
	switch c {
	case ',', ']', '}', ' ', '\t', '\r', '\n':
		return true
	}
	return false
}
