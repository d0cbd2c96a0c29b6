// Package dayfile is a ledger's day as a file: JSON lines, for people to read and for another
// store to take.
//
//	{"sttgate_ledger":{"version":1,"id":"…","at":"…","store":"embedded","timezone":"UTC"}}
//	{"balance":{"budget":"daily","owner":"user:ann","unit":"day","window":"2026-11-25","spent_ms":90000}}
//	…                                        one ledger.Entry per line
//	{"end":{"entries":1,"sha256":"…"}}       of everything above it
//
// A file is read strictly: another version, a line that is not what this package would have
// written, a missing end are errors that name the file and the line. A half copied file
// would give audio away.
//
//	Store ─► Export ─► Write ─► FILE ─► Verify (whole, nothing is taken) ─► Entries ─► Import ─► Store
//
// Reading and writing need memory for one line. Nothing here is safe for concurrent use.
package dayfile
