package main

import "strings"

// licence is one that may be linked, by words that only it has.
type licence struct {
	name  string
	words []string
}

// allowed are permissive, but for MPL-2.0, which holds for its own files and leaves a program that links them as it is.
func allowed() []licence {
	return []licence{
		{"Apache-2.0", []string{"Apache License", "Version 2.0"}},
		{"MIT", []string{"Permission is hereby granted, free of charge, to any person obtaining a copy", "without restriction"}},
		{"BSD-3-Clause", []string{"Redistribution and use in source and binary forms", "endorse or promote products derived"}},
		{"BSD-2-Clause", []string{"Redistribution and use in source and binary forms", "Redistributions in binary form must reproduce"}},
		{"ISC", []string{"Permission to use, copy, modify, and/or distribute this software for any purpose"}},
		{"ISC", []string{"Permission to use, copy, modify, and distribute this software for any purpose"}},
		{"MPL-2.0", []string{"Mozilla Public License", "2.0"}},
		{"CC0-1.0", []string{"CC0 1.0 Universal"}},
		{"Unlicense", []string{"This is free and unencumbered software released into the public domain"}},
	}
}

// refused are words of licences that oblige whoever links; a file that has them beside allowed ones is refused, too. MPL-2.0 names
// some of these as secondary licences, which is no obligation.
func refused() []string {
	return []string{"GNU GENERAL PUBLIC LICENSE", "GNU LESSER GENERAL PUBLIC LICENSE", "GNU AFFERO", "Server Side Public License", "Business Source License", "Commons Clause"}
}

// known names the licences of a text, none where there is no allowed one or a refused one.
func known(text string) (names []string) {
	flat := strings.Join(strings.Fields(text), " ")
	for _, l := range allowed() {
		has := true
		for _, w := range l.words {
			has = has && strings.Contains(flat, w)
		}
		if has && (l.name != "BSD-2-Clause" || len(names) == 0 || names[len(names)-1] != "BSD-3-Clause") {
			names = append(names, l.name)
		}
	}
	for _, w := range refused() {
		if strings.Contains(flat, w) && (len(names) != 1 || names[0] != "MPL-2.0") {
			return nil
		}
	}
	return names
}
