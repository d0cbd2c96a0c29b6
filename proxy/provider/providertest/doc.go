// Package providertest is the behaviour suite of provider.Provider: transcripts that
// are played against a vendor's dialect, and rules that hold for every vendor and
// are checked beside each line.
//
//	testdata/<vendor>/*.txt ─► Play ─► the same text, with what really followed
//	                            │
//	                            ├─ request   Match, Credential, Authorize, Accept, Refuse
//	                            ├─ client    FromClient, Drop     ─┐
//	                            ├─ vendor    FromVendor            ├─ and no credential in any of it
//	                            ├─ binary    meter, Forwarded      │
//	                            └─ finish    Finish, Farewell     ─┘
//
// A line is one event; the lines behind it that begin with a tab are what must
// follow. Empty lines and those that begin with # are for the reader.
//
//	key none                  from here on the gateway has no key of the vendor
//	user NAME                 whose streams the next requests are (Route.Reference)
//	header NAME: VALUE        stands in the next request
//	request TARGET            a WebSocket handshake: the route, or the error
//	request METHOD TARGET     another request
//	credential                what Credential finds
//	upstream                  the vendor's request: its target below the base, and its headers
//	answer NAME: VALUE        stands in the vendor's 101
//	accept                    our 101 behind the vendor's; "accept nobody": without one
//	refuse REASON             a refusal before the upgrade: headers and members
//
//	greeting TEXT             a text message before the stream
//	client TEXT               a text message of the client: what is done with it. Audio in it is metered
//	dropped TEXT              the same, and the audio in it cannot be bought
//	vendor TEXT               a text message of the vendor
//	binary N                  N bytes of audio in a message, bought, metered and let through
//	audio DURATION            the same, where only the time matters: it needs no format
//	drop DURATION             a message of this length was dropped: what is owed
//	keepalive                 what is owed while dropping
//	finish, finish REASON     the polite end: the client has gone, or the gateway ends it
//	farewell REASON           the last words to the client, and the close
//	metered, reported, speech
//
//	body CONTENT-TYPE         provider.Batch: where the audio stands in the request's body
//	order JSON                what a job wants
//	outcome STATUS JSON       what the vendor's answer tells
//	grant JSON                provider.Granter: how long a key shall be good
//	granted DURATION          the answer to it
//
// A credential of the caller is written CallerKey, and the gateway's is VendorKey:
// wherever one of them appears that it must not, Play fails. A fourth vendor needs
// one file and a directory of transcripts; see the example.
//
// Nothing here is safe for concurrent use; different plays do not touch each other.
package providertest
