// Package notify tells the world outside: webhooks for the people who look after users, usage events for those who
// count. What is to be told is on the disk before it is acted upon, and leaves it when it was taken.
package notify
