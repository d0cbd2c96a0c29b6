package provider

// cutElement removes the member or element that stands at b[from:end] from its
// object or array, with the comma that it leaves over. b is changed and returned.
func cutElement(b []byte, from, end int) []byte {
	if next := space(b, end); next < len(b) && b[next] == ',' {
		end = space(b, next+1)
	} else {
		before := from
		for before > 0 && blank(b[before-1]) {
			before--
		}
		if before > 0 && b[before-1] == ',' {
			from = before - 1
		}
	}
	return append(b[:from], b[end:]...)
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// splice returns b with b[from:end] replaced.
func splice(b []byte, from, end int, by []byte) []byte {
	out := make([]byte, 0, len(b)-(end-from)+len(by))
	out = append(out, b[:from]...)
	out = append(out, by...)
	return append(out, b[end:]...)
}
