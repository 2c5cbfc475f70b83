// Package graph is GraphQL in and out: resolvers of a few lines that call package app, and the handler that executes
// requests. It decides nothing, knows no SQL, and leaves HTTP and WebSockets to package server.
package graph

import "muster/app"

//go:generate go run ./generate

// Resolver is the root of all resolvers.
type Resolver struct{ App *app.App }
