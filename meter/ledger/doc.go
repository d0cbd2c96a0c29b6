// Package ledger is who may still spend, and how much. A stream buys audio time
// before it forwards it; what nobody bought is not forwarded, so a budget is
// never overshot, with any number of streams.
//
//	audio path (never waits)         background             store (one of)
//	┌──────────────────────┐   ┌──────────────────┐   ┌─────────────────────────┐
//	│ Account.Spend(20 ms) │   │ refill, at most  │   │ Memory      maps, mutex │
//	│  lease in hand − 20  │──►│ one at a time:   │──►│ Embedded    bbolt, a    │
//	│  a third left? ──────┘   │ Plan ─► Lease    │   │      journal before it  │
//	└──────────┬───────────┘   └────────▲─────────┘   │ Redis       lua/, in    │
//	           │                        │             │      the server         │
//	           │ Close: settle, once    │             └────────────┬────────────┘
//	           │                        └── Grant ◄── book ◄───────┘
//	           └───────────────────────────────────►  (book.go on get/put/scan; lua/book.lua)
//
// # Requests
//
// Every number in a request is a total since the stream began: Ceiling is how far
// it would like to have been granted, Spent how much it has forwarded. A request
// that is sent twice, arrives late or whose answer is lost therefore changes
// nothing; the sender just asks again. A Lease does, in one transaction:
//
//  1. A request that reports less than an earlier one was overtaken. It changes
//     nothing and is told the current ceiling.
//  2. What was forwarded since the last report is charged to every budget held.
//  3. A budget held and not named, or whose calendar window is over, is given its
//     unspent part back, to the window it was taken from, and forgotten.
//  4. A budget newly named, or a new window, counts from here: its base is Spent.
//  5. The new ceiling is the smallest, over the scopes that are not in shadow, of
//     base + granted + what the budget has left; never above what was asked.
//  6. Every budget held is raised to cover the ceiling. What is used includes
//     leases in hand. Shadows count too, without limit.
//
// Asking for less never lowers a ceiling. Only a budget that has just begun can:
// what is in hand and not spent is bought from it as far as it has room, and the
// rest of the old grant is void. The newest grant is the one that holds.
// Audio that was forwarded while such an answer was on its way is charged too,
// beyond the limit if need be: it was sent.
//
// # Example
//
// A day of 6000 ms, two streams with slices of 5000 ms; used is the day's:
//
//	lease a: ceiling 5000, spent 0       -> 5000    used 5000
//	lease b: ceiling 5000, spent 0       -> 1000    used 6000   all that is left
//	lease a: ceiling 8500, spent 3500    -> 5000    used 6000   nothing left
//	lease a: the same again              -> 5000    used 6000
//	settle b: spent 400                             used 5400   600 come back
//	lease a: ceiling 8500, spent 3500    -> 5600    used 6000
//	                                                --- midnight ---
//	lease a: ceiling 9900, spent 4900    -> 9900    yesterday: 400 + 4900 = 5300
//	                                                today: base 4900, used 5000
//	settle a: spent 5900                            today: used 1000
//
// # Windows
//
// The store's clock and zone decide. Calendar windows are named by the date they
// begin on, so days of 23 and 25 hours are one day. A clock that goes back opens
// no window a second time: a stream never returns to a window it has left, and
// everyone stays in a window that has been begun and starts within 24 h from now.
// A clock that was further ahead was wrong; its windows are left and the old
// balances found as they were. Balances are kept for 8 days after their end.
//
// Rolling windows, the users' audio and their speech are kept by the minute for 8 days. An
// amount is booked in the minute in which the store hears of it, at most one lease
// after it was forwarded, and counts until its whole minute has left the window. A
// lease in hand counts as of now.
//
// Speech is a total beside Spent that no budget counts: of two reports the larger holds, and who
// reports none has no record of it. A stream whose process died has said what it told last; of
// a kept grant that nobody settles nobody has heard the words, and its audio stands in for them.
//
// Old records are deleted a few at a time, with the writes.
//
// # Grants
//
// A Gift is more than the limit, for one budget of one owner in the window that runs: what is left is limit + granted − used, and
// used stays true. It lies with the balance, so that no changed limit resets it, and running streams have it with their next
// lease. A calendar window takes it along when it ends. In a rolling one it counts by the minute, as what is spent does: each falls out when
// its own minute leaves the window. What was given can be taken back, the newest first, and never more than that; what was spent of it stays
// spent. Every gift has an id, which the store remembers until 8 days after the window's end: who asks again changes nothing.
//
// # Reservations and notes
//
// A Reservation is for what is paid at its end: it reports nothing as spent while
// it grows, and is settled with any figure. One that is kept waits for its price
// beyond its process, for up to 7 days; the store that finds it then, or with a
// settle of somebody else's, charges what was kept. Notes are small values with an
// end: whose an object of the vendor's is, which reservation waits for a job.
//
// # Reminders
//
// A Reminder is to be acted upon at a time, by whichever gateway comes first: whom to tell that a budget is back. They lie in the order of
// their times. Who takes one has it for a while and forgets it when it is done; one whose taker dies is due again.
//
// # Places
//
// Slots counts what runs at once. Memory and embedded have one process to count. On Redis a gateway
// tells, owner by owner, how many places it holds: an absolute number, told until it is heard.
// It counts for 30 s after the gateway's last heartbeat, of which there is one for all that it holds.
// Without its server a gateway goes by its own count.
//
// # Moving
//
// A Mover hands its day to another store: as entries that belong to no store (package dayfile
// makes a file of them), open streams as settled with what they were granted. Amounts are added to
// what the other has, each once: with every part of an import goes a count of what is taken, so
// that an import may break off, go on, and be repeated. On Redis each owner keeps its own count, an import may run
// beside gateways, and an export refuses while one says that it runs.
//
// # Crashes and outages
//
// Embedded keeps two promises with as few writes as they need. What is spent was
// on the disk as a lease before: a Lease waits for the disk, and the first lease of an
// Account, which is asked for without waiting, is not spent from before it is there. And
// what is charged after a crash is never less than what was forwarded: a Settle
// need not wait, for as long as the disk does not have it, it has the lease. Whatever waits for nobody
// is written within 50 ms or with the next write that somebody waits for, in order, each group whole.
//
// The streams it finds when it opens belong to a dead process: they are charged what they had been
// granted, at most one slice too much each, and marked as settled; reservations that are kept go on. A settled stream is
// remembered for two hours, so that a late lease cannot open it again.
//
// While the disk fails nothing new is begun and Ping says so; what was settled
// meanwhile is kept in memory and written when the disk is back.
//
// When the store fails an Account spends what it has in hand, tries again after
// 250 ms, doubling up to 5 s, and then says ErrOutage; what to do about it is the
// caller's. On a Patient store it first spends what that lends: within a grace per stream and per
// user, written to a journal before, reported with the next answer. A stream that ends in the
// dark is settled from the journal, when the store is back or by the next process. It was leased
// before, so that an end which is told days late, not for the first time, finds the stream, or that it was charged.
//
// # Redis
//
// Every call is a script on the records of one owner, which share a slot; the user's own is the
// first, and a stream that also spends from a provider's or everybody's budget is a second call.
// What one owner granted beyond the smallest is given back, unless a newer lease of the
// stream has come in between. The clock is the server's; the gateway sends the calendar
// around it, for scripts know no zones. Numbers are doubles there: all stay below 2^53.
//
// Streams of a gateway that died are charged what they had been granted 25 h after their last lease, by
// whatever call comes next for the same owner; one that was only cut off goes on from there.
// The store remembers since when each budget applied to its running streams: a server that
// answers a stream as a new one has lost data, is told again, and RedisOptions.Reset is called.
// With RedisConfig.Replicas what was bought and what was settled counts when replicas have it, or the journal of
// the Patient store: a replica that takes over has not heard of the newest, and nobody else might tell it.
//
// In the layout fair_use what is charged to a user's day, and the minutes for the soft caps, lie in the
// keys of a backend that may go on counting there; what is in hand stays here. lua/fair.lua adds the two up.
//
// # Concurrency
//
// Stores are safe for concurrent use. Embedded runs calls one after the other, on the
// callers' goroutines, and has one of its own that writes, from OpenEmbedded to Close;
// nobody waits for it who does not have to. An Account starts a goroutine for a
// refill and none while idle; Close waits for it. It is not a rate limiter and
// knows no vendor, no policy: which budgets apply is the Plan's to say.
package ledger
