package transport_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"muster/server/transport"
)

// answer is a response over HTTP.
type answer struct {
	status int
	header http.Header
	raw    string
	Data   map[string]any
	Errors []struct {
		Message    string
		Path       []any
		Extensions map[string]any
	}
}

func (a answer) code() string {
	if len(a.Errors) == 0 {
		return ""
	}
	code, _ := a.Errors[0].Extensions["code"].(string)
	return code
}

func do(t *testing.T, request *http.Request) answer {
	t.Helper()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: response.StatusCode, header: response.Header, raw: string(raw)}
	if err := json.Unmarshal(raw, &a); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return a
}

func (a *api) request(t *testing.T, method, target string, body io.Reader, headers ...string) *http.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, a.server.URL+target, body)
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	return request
}

// post sends a query that a specification-aware client would send.
func (a *api) post(t *testing.T, query string, headers ...string) answer {
	t.Helper()
	body, err := json.Marshal(map[string]string{"query": query})
	if err != nil {
		t.Fatal(err)
	}
	return do(t, a.request(t, http.MethodPost, "/", bytes.NewReader(body), headers...))
}

const acceptNew = "application/graphql-response+json"

func TestHTTPStatusAndMediaType(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	const jsonType = "application/json; charset=utf-8"
	const newType = "application/graphql-response+json; charset=utf-8"
	for _, test := range []struct {
		name, accept, query, media string
		status                     int
	}{
		{"no preference", "", "{ping}", jsonType, 200},
		{"anything", "*/*", "{ping}", jsonType, 200},
		{"any application type", "application/*", "{ping}", jsonType, 200},
		{"the old type", "application/json", "{ping}", jsonType, 200},
		{"the new type", acceptNew, "{ping}", newType, 200},
		{"both, the first wins", acceptNew + ", application/json", "{ping}", newType, 200},
		{"both, quality wins", acceptNew + ";q=0.5, application/json;q=0.9", "{ping}", jsonType, 200},
		{"refused by quality", "application/json;q=0, " + acceptNew, "{ping}", newType, 200},
		{"a browser", "text/html,*/*;q=0.8", "{ping}", jsonType, 200},
		{"neither", "text/html", "{ping}", jsonType, 406},
		{"old: syntax", "application/json", "{", jsonType, 200},
		{"old: validation", "application/json", "{nope}", jsonType, 200},
		{"new: syntax", acceptNew, "{", newType, 400},
		{"new: validation", acceptNew, "{nope}", newType, 400},
		{"new: refused field", acceptNew, "{refused}", newType, 200},
		{"new: limit", acceptNew, "{" + strings.Repeat("ping ", 300) + "}", newType, 400},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var headers []string
			if test.accept != "" {
				headers = []string{"Accept", test.accept}
			}
			got := a.post(t, test.query, headers...)
			if got.status != test.status || got.header.Get("Content-Type") != test.media {
				t.Errorf("got %d %q", got.status, got.header.Get("Content-Type"))
			}
			if got.header.Get("Cache-Control") != "no-store" {
				t.Error("an answer may be cached")
			}
			if failed := test.query != "{ping}" && test.query != "{refused}"; failed && strings.Contains(got.raw, `"data"`) {
				t.Errorf("there is a data entry although nothing ran: %s", got.raw)
			}
		})
	}
}

func TestHTTPBody(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	padding := strings.Repeat(" ", 64<<10)
	for _, test := range []struct {
		name, body, contentType string
		status                  int
		code                    string
	}{
		{"no body", "", "application/json", 400, "BAD_INPUT"},
		{"not JSON", `{"password": "hunter2`, "application/json", 400, "BAD_INPUT"},
		{"more than one value", `{"query":"{ping}"} {"password":"hunter2"}`, "application/json", 400, "BAD_INPUT"},
		{"a batch", `[{"query":"{ping}"},{"query":"{ping}"}]`, "application/json", 400, "BAD_INPUT"},
		{"a string", `"hunter2"`, "application/json", 400, "BAD_INPUT"},
		{"null", `null`, "application/json", 400, "BAD_INPUT"},
		{"not UTF-8", "{\"query\":\"{ping}\xff\"}", "application/json", 400, "BAD_INPUT"},
		{"no query", `{"operationName":"hunter2"}`, "application/json", 400, "BAD_INPUT"},
		{"null query", `{"query":null}`, "application/json", 400, "BAD_INPUT"},
		{"a name in another case", `{"QUERY":"{ping}"}`, "application/json", 400, "BAD_INPUT"},
		{"variables as text", `{"query":"{ping}","variables":"hunter2"}`, "application/json", 400, "BAD_INPUT"},
		{"null variables", `{"query":"{ping}","variables":null,"operationName":null,"extensions":null}`, "application/json", 200, ""},
		{"a form", `query={ping}`, "application/x-www-form-urlencoded", 415, "BAD_INPUT"},
		{"multipart", `--x--`, "multipart/form-data; boundary=x", 415, "BAD_INPUT"},
		{"plain text", `{"query":"{ping}"}`, "text/plain", 415, "BAD_INPUT"},
		{"no type", `{"query":"{ping}"}`, "", 415, "BAD_INPUT"},
		{"UTF-8", `{"query":"{ping}"}`, "application/json; charset=UTF-8", 200, ""},
		{"another charset", `{"query":"{ping}"}`, "application/json; charset=utf-16", 415, "BAD_INPUT"},
		{"64 KiB", `{"query":"{ping}"}` + padding[18:], "application/json", 200, ""},
		{"a byte more", `{"query":"{ping}"}` + padding[17:], "application/json", 413, "QUERY_TOO_LARGE"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := do(t, a.request(t, http.MethodPost, "/", strings.NewReader(test.body), "Content-Type", test.contentType))
			if got.status != test.status || got.code() != test.code {
				t.Errorf("got %d %s: %s", got.status, got.code(), got.raw)
			}
			if strings.Contains(got.raw, "hunter2") {
				t.Errorf("the answer repeats the body: %s", got.raw)
			}
		})
	}
	t.Run("gzip", func(t *testing.T) {
		t.Parallel()
		got := do(t, a.request(t, http.MethodPost, "/", strings.NewReader("x"), "Content-Encoding", "gzip"))
		if got.status != 415 {
			t.Errorf("got %d", got.status)
		}
	})
}

func TestHTTPNumbersKeepTheirDigits(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	body := `{"query":"query($t:String!){echo(text:$t)}","variables":{"t":12345678901234567890}}`
	got := do(t, a.request(t, http.MethodPost, "/", strings.NewReader(body), "Accept", acceptNew))
	if got.status != 200 || !strings.Contains(got.raw, "12345678901234567890") {
		t.Errorf("got %d %s", got.status, got.raw)
	}
}

func TestHTTPMethods(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	get := func(t *testing.T, values url.Values, headers ...string) answer {
		t.Helper()
		return do(t, a.request(t, http.MethodGet, "/?"+values.Encode(), nil, headers...))
	}
	t.Run("query by GET", func(t *testing.T) {
		t.Parallel()
		got := get(t, url.Values{
			"query": {"query A{ping} query B($t:String!){echo(text:$t)}"}, "operationName": {"B"}, "variables": {`{"t":"hi"}`},
		})
		if got.status != 200 || got.Data["echo"] != "hi" {
			t.Errorf("got %d %s", got.status, got.raw)
		}
	})
	t.Run("mutation by GET", func(t *testing.T) {
		t.Parallel()
		got := get(t, url.Values{"query": {"query Q{ping} mutation M{signIn}"}, "operationName": {"M"}})
		if got.status != 405 || got.header.Get("Allow") != "POST" || got.code() != "BAD_INPUT" {
			t.Errorf("got %d, Allow %q, %s", got.status, got.header.Get("Allow"), got.raw)
		}
		if a.signIns.Load() != 0 {
			t.Error("it ran")
		}
	})
	t.Run("subscription by GET", func(t *testing.T) {
		t.Parallel()
		got := get(t, url.Values{"query": {"subscription{none}"}})
		if got.status != 400 || !strings.Contains(got.raw, "graphql-transport-ws") {
			t.Errorf("got %d %s", got.status, got.raw)
		}
	})
	t.Run("subscription by POST", func(t *testing.T) {
		t.Parallel()
		got := a.post(t, "subscription{none}")
		if got.status != 400 || !strings.Contains(got.raw, "graphql-transport-ws") {
			t.Errorf("got %d %s", got.status, got.raw)
		}
	})
	t.Run("GET without a query", func(t *testing.T) {
		t.Parallel()
		if got := get(t, url.Values{}); got.status != 400 {
			t.Errorf("got %d", got.status)
		}
	})
	t.Run("GET with bad variables", func(t *testing.T) {
		t.Parallel()
		if got := get(t, url.Values{"query": {"{ping}"}, "variables": {"hunter2"}}); got.status != 400 || strings.Contains(got.raw, "hunter2") {
			t.Errorf("got %d %s", got.status, got.raw)
		}
	})
	t.Run("long GET", func(t *testing.T) {
		t.Parallel()
		if got := get(t, url.Values{"query": {strings.Repeat("#", 70_000)}}); got.status != 414 || got.code() != "QUERY_TOO_LARGE" {
			t.Errorf("got %d %s", got.status, got.raw)
		}
	})
	t.Run("other methods", func(t *testing.T) {
		t.Parallel()
		for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch} {
			got := do(t, a.request(t, method, "/", nil))
			if got.status != 405 || got.header.Get("Allow") != "GET, POST" {
				t.Errorf("%s: got %d, Allow %q", method, got.status, got.header.Get("Allow"))
			}
		}
	})
}

func TestHTTPTimeout(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(_ *api, _ *transport.WebSocket, h *transport.HTTP, _ *transport.Limits) {
		h.Timeout = 50 * time.Millisecond
	})
	got := a.post(t, "{ping wait refused}")
	if got.status != 200 || got.Data["ping"] != "pong" || len(got.Errors) != 2 {
		t.Fatalf("got %d %s", got.status, got.raw)
	}
	if got.code() != "QUERY_TOO_LARGE" || !strings.Contains(got.Errors[0].Message, "longer than 0.05 s") {
		t.Errorf("got %s", got.raw)
	}
	if got.Errors[1].Extensions["code"] != "FORBIDDEN" {
		t.Errorf("the refusal was lost: %s", got.raw)
	}
}

func TestHTTPHeadersHook(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(a *api, _ *transport.WebSocket, h *transport.HTTP, _ *transport.Limits) {
		h.Headers = func(_ context.Context, header http.Header) {
			if a.signIns.Load() > 0 {
				header.Add("Set-Cookie", "session=new")
			}
		}
	})
	if got := a.post(t, "mutation{signIn}"); got.header.Get("Set-Cookie") != "session=new" {
		t.Errorf("the hook's header is not in the response: %v", got.header)
	}
}

func TestHTTPRetryAfterAndErrorCap(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	got := a.post(t, "{limited refused}", "Accept", acceptNew)
	if got.status != 200 || got.header.Get("Retry-After") != "42" {
		t.Errorf("got %d, Retry-After %q", got.status, got.header.Get("Retry-After"))
	}
	var many strings.Builder
	for i := range 30 {
		many.WriteString(" nope" + string(rune('a'+i%26)) + string(rune('a'+i/26)))
	}
	if got := a.post(t, "{"+many.String()+"}"); len(got.Errors) != 10 {
		t.Errorf("%d errors in one response", len(got.Errors))
	}
}

func TestHTTPPanic(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	got := a.post(t, "{boom}")
	if got.status != 500 || got.code() != "INTERNAL" || got.Errors[0].Message != "Internal error" {
		t.Errorf("got %d %s", got.status, got.raw)
	}
	if _, logged := a.panics.Load("boom"); !logged {
		t.Error("the recover function did not see it")
	}
	if got := a.post(t, "{broken}"); strings.Contains(got.raw, "secret") {
		t.Errorf("a fault shows: %s", got.raw)
	}
}
