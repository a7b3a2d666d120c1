// Package torture runs the relay, from the outbox to EasyBroker's own book, in
// a bubble of virtual time, and does to it at each instant what a machine, a
// network and EasyBroker can do. Store, courier, client and pretend EasyBroker
// are the real ones, and so are the database file and HTTP; only the wire lies
// in memory. It holds tests alone.
package torture
