// Package transport carries GraphQL between the network and gqlgen's executor: HTTP as the
// GraphQL-over-HTTP specification has it, and WebSockets that speak graphql-transport-ws.
// It also holds the limits that a request must keep before anything of it runs.
//
// It refuses what the specifications leave to a server's taste where that taste costs safety:
// bodies that are not JSON, batches, mutations by GET, other subprotocols, binary messages, and
// documents that would be slow to validate. No client can make it wait: a socket that cannot be
// written within the write timeout is closed, and only its own operations have waited for it.
//
// The package knows gqlgen and gorilla/websocket. It does not know who may do what: callers
// give it functions for that, and it asks them again for each operation.
//
// The server's response writer must implement [net/http.Hijacker]: logging and metrics wrappers
// in front of [WebSocket] pass it on, or no socket opens.
package transport
