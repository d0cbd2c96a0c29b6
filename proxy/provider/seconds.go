package provider

import (
	"strconv"
	"time"
)

// seconds reads a JSON number of seconds. Decimals are read exactly (to the
// nanosecond); a number with an exponent goes through a float. Negative numbers
// and those beyond 30 years are no stream times: ok is false.
func seconds(raw []byte) (d time.Duration, ok bool) {
	const most = 1_000_000_000 // seconds
	whole, frac, scale := int64(0), int64(0), int64(time.Second)
	i := 0
	for ; i < len(raw) && digit(raw[i]); i++ {
		if whole = whole*10 + int64(raw[i]-'0'); whole >= most {
			return 0, false
		}
	}
	if i == 0 {
		return 0, false
	}
	if i < len(raw) && raw[i] == '.' {
		for i++; i < len(raw) && digit(raw[i]); i++ {
			if scale > 1 {
				scale /= 10
				frac += int64(raw[i]-'0') * scale
			}
		}
	}
	if i < len(raw) {
		f, err := strconv.ParseFloat(string(raw), 64)
		if err != nil || f < 0 || f >= most {
			return 0, false
		}
		return time.Duration(f * float64(time.Second)), true
	}
	return time.Duration(whole)*time.Second + time.Duration(frac), true
}

// appendSeconds writes d in the manner of the number it replaces: at least as
// many decimals, more only where d needs them. d must not be negative.
func appendSeconds(dst []byte, d time.Duration, like []byte) []byte {
	least := 0
	for i, c := range like {
		if c == '.' {
			for least = 0; i+1+least < len(like) && digit(like[i+1+least]); least++ {
			}
			break
		}
	}
	dst = strconv.AppendInt(dst, int64(d/time.Second), 10)
	rest, n := int64(d%time.Second), 9
	for n > 0 && rest%10 == 0 && n > least {
		rest, n = rest/10, n-1
	}
	if n == 0 {
		return dst
	}
	dst = append(dst, '.')
	digits := strconv.FormatInt(rest, 10)
	for range n - len(digits) {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}

func digit(c byte) bool { return c >= '0' && c <= '9' }
