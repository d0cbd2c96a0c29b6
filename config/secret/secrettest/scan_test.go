package secrettest

import (
	"testing"
)

func TestAWordIsFoundInEveryFormAndByItsName(t *testing.T) {
	canaries := map[string]string{"a plain one": Word("plain"), "one with signs": `"` + Word("signs") + `"+/&<>%\é ?=end`, "another": Word("other")}
	for name, word := range canaries {
		for form, write := range Forms() {
			text := "before " + write(word) + " behind"
			found := Find([]Surface{{"log", []byte(text)}, {"metrics", []byte("nothing")}}, canaries)
			if len(found) != 1 || found[0] != "log: "+name {
				t.Errorf("%s, %s: found %q in %s", name, form, found, text)
			}
			if found := Find([]Surface{{"vendor", []byte(text)}}, canaries, name); len(found) != 0 {
				t.Errorf("%s, %s: found %q, which may be there", name, form, found)
			}
		}
	}
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	for _, text := range []string{"", "an ordinary line of user ann", `\`, `%`, `\u00`, `\u1234`, `%zz\x9`, "canary", Word("other")} {
		if Shows([]byte(text), Word("mine")) {
			t.Errorf("found in %q", text)
		}
	}
}

func TestATokenThatNobodyHasSeenIsFound(t *testing.T) {
	if !Token([]byte(`{"path":"/v2?jwt=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4iLCJleHAiOjF9.c2lnbmF0dXJlMDEyMzQ1Njc4OQ"}`)) || Token([]byte("eyJ0 is no token")) {
		t.Error("a token is not told from what is none")
	}
}

func FuzzShows(f *testing.F) {
	f.Add([]byte(`\u0063%63\x63`))
	f.Fuzz(func(t *testing.T, text []byte) {
		const word = "a-canary-of-its-own"
		Shows(text, word)
		if !Shows(append(append(text, ' '), word...), word) {
			t.Errorf("behind %q it is not found", text)
		}
	})
}
