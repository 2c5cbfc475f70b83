// Command centrifuge is the live log as the library centrifuge serves it: one channel, without history, on its broker in memory.
// Its argument is the address.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/centrifugal/centrifuge"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const channel = "log"

func main() {
	if len(os.Args) != 2 {
		log.Fatal("centrifuge is started by the bench, with an address")
	}
	if err := serve(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func serve(address string) error {
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		return err
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{UserID: "viewer"}}, nil
	})
	node.OnConnect(func(client *centrifuge.Client) {
		client.OnSubscribe(func(_ centrifuge.SubscribeEvent, reply centrifuge.SubscribeCallback) {
			reply(centrifuge.SubscribeReply{}, nil)
		})
	})
	if err := node.Run(); err != nil {
		return err
	}
	mux := http.NewServeMux()
	// Nobody is asked whether they are still there, and nobody is cut off: on a machine that is behind everybody would be.
	patient := centrifuge.WebsocketConfig{WriteTimeout: time.Minute, PingPongConfig: centrifuge.PingPongConfig{PingInterval: -1}}
	mux.Handle("GET /connection/websocket", centrifuge.NewWebsocketHandler(node, patient))
	mux.HandleFunc("GET /live/publish", func(w http.ResponseWriter, r *http.Request) {
		if err := publish(node, r.URL.Query().Get("n")); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("GET /subscribers", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, node.Hub().NumSubscribers(channel)) // who asks asks again
	})
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	mux.Handle("GET /metrics", promhttp.Handler())
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	return server.ListenAndServe()
}

// entry is one of the log's, as large as what Muster delivers.
const entry = `{"auditLog":{"id":"aud_org_01m815dnczenx81e0kxhg76mqs_10000","sequence":10000,"action":"team.create",` +
	`"actorLabel":"Olivia Fischer (olivia@bench.example)","targetLabel":"Platform","message":"created the team Platform",` +
	`"createdAt":"2026-11-22T09:00:00.123456Z"}}`

func publish(node *centrifuge.Node, n string) error {
	entries, err := strconv.Atoi(n)
	if err != nil {
		return err
	}
	for range entries {
		if _, err := node.Publish(channel, []byte(entry)); err != nil {
			return err
		}
	}
	return nil
}
