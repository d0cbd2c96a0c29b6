package main

import (
	"slices"
	"testing"
)

func TestOnlyWhatIsKnownMayBeLinked(t *testing.T) {
	const bsd = "Redistribution and use in source and binary forms, with or without … Redistributions in binary form must reproduce …"
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"a text that is broken into lines", "Permission is hereby granted, free\n of charge, to any person obtaining a copy …\n without restriction", []string{"MIT"}},
		{"two clauses", bsd, []string{"BSD-2-Clause"}},
		{"three clauses are not two", bsd + " endorse or promote products derived", []string{"BSD-3-Clause"}},
		{"two licences in one file", "Apache License Version 2.0 … " + bsd, []string{"Apache-2.0", "BSD-2-Clause"}},
		{"what obliges", "GNU LESSER GENERAL PUBLIC LICENSE", nil},
		{"what obliges, beside what does not", "Apache License Version 2.0 with Commons Clause", nil},
		{"what the MPL only names", "Mozilla Public License Version 2.0 … GNU AFFERO General Public License", []string{"MPL-2.0"}},
		{"a licence of somebody's own", "You may use this on Tuesdays.", nil},
	} {
		if got := known(tt.text); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
