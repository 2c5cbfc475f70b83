package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// connections is how many clients ask at once, each over one connection that it keeps.
const connections = 16

// request is an HTTP request as it goes over the wire, made beforehand: the client must cost little beside the server.
func request(path, token string, body any) ([]byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nAccept: application/json\r\nContent-Length: %d\r\n\r\n",
		path, token, len(text))
	return append([]byte(head), text...), nil
}

// client is one connection. It knows as much of HTTP as the two servers speak.
type client struct {
	conn net.Conn
	in   *bufio.Reader
	body []byte // of the last answer
}

func dial(ctx context.Context, address string) (*client, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &client{conn: conn, in: bufio.NewReaderSize(conn, 32<<10)}, nil
}

// do sends a request and reads the answer, which has to be one without errors.
func (c *client) do(request []byte) error {
	if _, err := c.conn.Write(request); err != nil {
		return err
	}
	length := -1
	for first := true; ; first = false {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
			return fmt.Errorf("answered %s", line)
		}
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return errors.New("the answer has no Content-Length")
	}
	if cap(c.body) < length {
		c.body = make([]byte, length)
	}
	c.body = c.body[:length]
	if _, err := io.ReadFull(c.in, c.body); err != nil {
		return err
	}
	if !bytes.HasPrefix(c.body, []byte(`{"data":`)) {
		return fmt.Errorf("answered %.500s", c.body)
	}
	return nil
}

// ask sends one request over a connection of its own.
func ask(ctx context.Context, address string, request []byte) ([]byte, error) {
	c, err := dial(ctx, address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.conn.Close() }()
	err = c.do(request)
	return c.body, err
}

// load asks the server with all clients at once for as long as a round lasts. The i-th client begins at its own place in the
// list of requests.
func (a *arena) load(ctx context.Context, m *meter, requests [][]byte) error {
	clients := make([]*client, connections)
	for i := range clients {
		c, err := dial(ctx, m.server.addressOf(i))
		if err != nil {
			return err
		}
		defer func() { _ = c.conn.Close() }()
		clients[i] = c
	}
	took := make([][]time.Duration, connections)
	errs := make([]error, connections)
	err := m.measure(ctx, func() (ops int, err error) {
		end := time.Now().Add(a.options.Each)
		var all sync.WaitGroup
		for i, c := range clients {
			all.Go(func() {
				for n := i * len(requests) / connections; ctx.Err() == nil; n++ {
					began := time.Now()
					if began.After(end) {
						return
					}
					if errs[i] = c.do(requests[n%len(requests)]); errs[i] != nil {
						return
					}
					took[i] = append(took[i], time.Since(began))
				}
			})
		}
		all.Wait()
		for i := range took {
			ops += len(took[i])
		}
		return ops, errors.Join(append(errs, ctx.Err())...)
	})
	if err != nil {
		return err
	}
	var every []time.Duration
	for _, t := range took {
		every = append(every, t...)
	}
	m.latencies(every)
	return nil
}

// same says whether both servers answer a request with the same JSON, but for members of these names, which are each server's own.
func same(ctx context.Context, muster, limit *server, ofMuster, ofLimit []byte, own ...string) error {
	var values [2]any
	var texts [2][]byte
	for i, side := range []struct {
		*server
		request []byte
	}{{muster, ofMuster}, {limit, ofLimit}} {
		text, err := ask(ctx, side.Address, side.request)
		if err != nil {
			return fmt.Errorf("%s: %w", side.name, err)
		}
		if err := json.Unmarshal(text, &values[i]); err != nil {
			return fmt.Errorf("%s: %w", side.name, err)
		}
		forget(values[i], own)
		if texts[i], err = json.Marshal(values[i]); err != nil {
			return err
		}
	}
	if !bytes.Equal(texts[0], texts[1]) {
		return fmt.Errorf("the two do not answer the same:\nMuster: %.1000s\nlimit:  %.1000s", texts[0], texts[1])
	}
	return nil
}

// forget takes members out of what was decoded from JSON, wherever they stand.
func forget(value any, names []string) {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			if slices.Contains(names, name) {
				delete(v, name)
				continue
			}
			forget(member, names)
		}
	case []any:
		for _, element := range v {
			forget(element, names)
		}
	}
}
