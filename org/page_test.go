package org_test

import (
	"encoding/base64"
	"errors"
	"slices"
	"testing"

	"muster/org"
)

// TestPages walks a list page by page, by the cursors that the pages gave: each element once, in order.
func TestPages(t *testing.T) {
	t.Parallel()
	var list []*string
	for _, key := range []string{"mem_a", "mem_b", "mem_c", "mem_d", "mem_e"} {
		list = append(list, &key)
	}
	key := func(s *string) string { return *s }
	total := 5
	for first, wantPages := range map[int]int{1: 5, 2: 3, 3: 2, 4: 2, 5: 1, 6: 1, 100: 1} {
		var got []*string
		after, pages := (*string)(nil), 0
		for {
			req, err := org.ParsePage(&first, after)
			if err != nil {
				t.Fatal(err)
			}
			rest := list
			if req.After != "" {
				at := slices.IndexFunc(list, func(s *string) bool { return *s == req.After })
				if at < 0 {
					t.Fatalf("the cursor led to %q", req.After)
				}
				rest = list[at+1:]
			}
			page := org.NewPage(rest[:min(len(rest), first+1)], first, req.After, key, &total)
			got = append(got, page.Nodes...)
			pages++
			if page.PageInfo.HasPreviousPage != (pages > 1) || *page.TotalCount != total || len(page.Nodes) > first {
				t.Errorf("first %d, page %d: %+v", first, pages, page)
			}
			if *page.PageInfo.StartCursor != page.Edges()[0].Cursor {
				t.Errorf("first %d, page %d begins elsewhere", first, pages)
			}
			if !page.PageInfo.HasNextPage {
				break
			}
			after = page.PageInfo.EndCursor
		}
		if !slices.Equal(got, list) || pages != wantPages {
			t.Errorf("first %d: got %d elements on %d pages, want 5 on %d", first, len(got), pages, wantPages)
		}
	}
	empty := org.NewPage(nil, 10, "", key, nil)
	if empty.Edges() == nil || len(empty.Nodes) != 0 || empty.PageInfo.HasNextPage || empty.PageInfo.StartCursor != nil || empty.PageInfo.EndCursor != nil {
		t.Errorf("an empty list is %+v", empty)
	}
}

func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func TestParsePage(t *testing.T) {
	t.Parallel()
	tests := []struct {
		sentence string
		first    *int
		after    *string
		want     org.PageRequest
		field    string
	}{
		{"absent, it is 50 from the start", nil, nil, org.PageRequest{First: 50}, ""},
		{"one", ptr(1), nil, org.PageRequest{First: 1}, ""},
		{"a hundred", ptr(100), nil, org.PageRequest{First: 100}, ""},
		{"none", ptr(0), nil, org.PageRequest{}, "first"},
		{"fewer than none", ptr(-1), nil, org.PageRequest{}, "first"},
		{"a hundred and one", ptr(101), nil, org.PageRequest{}, "first"},
		{"an empty cursor is the start", nil, ptr(""), org.PageRequest{First: 50}, ""},
		{"a cursor", nil, ptr(encode("c:mem_1")), org.PageRequest{First: 50, After: "mem_1"}, ""},
		{"an id is no cursor", nil, ptr("mem_01h455vb4pex5vsknk084sn02q"), org.PageRequest{}, "after"},
		{"a number is no cursor", nil, ptr("12"), org.PageRequest{}, "after"},
		{"what is not base64", nil, ptr("!!"), org.PageRequest{}, "after"},
		{"a cursor of something else", nil, ptr(encode("x:mem_1")), org.PageRequest{}, "after"},
		{"a cursor to nothing", nil, ptr(encode("c:")), org.PageRequest{}, "after"},
		{"a long one", nil, ptr(encode("c:" + string(make([]byte, 300)))), org.PageRequest{}, "after"},
		{"a zero byte, which PostgreSQL refuses", nil, ptr(encode("c:a\x00")), org.PageRequest{}, "after"},
		{"what is not UTF-8, which PostgreSQL refuses", nil, ptr(encode("c:a\xff")), org.PageRequest{}, "after"},
	}
	for _, test := range tests {
		t.Run(test.sentence, func(t *testing.T) {
			t.Parallel()
			got, err := org.ParsePage(test.first, test.after)
			if test.field != "" {
				wantBadInput(t, err, test.field)
				return
			}
			if err != nil || got != test.want {
				t.Errorf("got %+v and %v, want %+v", got, err, test.want)
			}
		})
	}
}

// FuzzParsePage: a cursor is refused or leads to a key that PostgreSQL takes and that makes a cursor again.
func FuzzParsePage(f *testing.F) {
	for _, seed := range []string{"", "!!", encode("c:mem_1"), encode("c:"), encode("c:\x00"), encode("d:x"), "YzptZW0\n"} {
		f.Add(50, seed)
	}
	f.Fuzz(func(t *testing.T, first int, after string) {
		req, err := org.ParsePage(&first, &after)
		if err != nil {
			var refusal *org.Error
			if !errors.As(err, &refusal) || refusal.Code != org.CodeBadInput {
				t.Fatal(err)
			}
			return
		}
		if req.First != first || first < 1 || first > 100 {
			t.Errorf("first %d was taken as %d", first, req.First)
		}
		for _, r := range req.After {
			if r <= ' ' || r > '~' {
				t.Errorf("%q leads to %q", after, req.After)
			}
		}
		if req.After == "" {
			return
		}
		page := org.NewPage([]*string{&req.After}, 1, "", func(s *string) string { return *s }, nil)
		if again, err := org.ParsePage(&first, page.PageInfo.EndCursor); err != nil || again != req {
			t.Errorf("%q does not come back: %+v, %v", req.After, again, err)
		}
	})
}
