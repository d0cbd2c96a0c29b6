// Package review finds out about a user whom the caps have noticed: evidence from the user's sessions, a classifier that judges it,
// a service that knows who has free credits left.
//
// It decides nothing: package policy does, from what is found here.
package review
