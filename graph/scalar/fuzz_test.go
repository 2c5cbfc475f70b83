package scalar

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"muster/org"
)

// Whatever value a client sends, every scalar reads it or says BAD_INPUT, and what it reads is the same when it is written and
// read again.
func FuzzScalars(f *testing.F) {
	for _, seed := range []string{
		`"2026-11-21T09:30:00Z"`, `"2026-11-21T10:30:00.5+01:00"`, `"0000-01-01T00:00:00Z"`, `"9999-12-31T23:59:59-14:00"`, `"2026-11-21"`, `"2026-02-30"`,
		`"a\u0000b"`, `"Zoë"`, `7`, `7.5`, `1e400`, `true`, `null`, `[]`, `{}`, `""`, `"2016-12-31T23:59:60Z"`, `"2026-11-21T09:30:00,5Z"`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		decoder := json.NewDecoder(strings.NewReader(raw))
		decoder.UseNumber() // as the transport reads variables
		var v any
		if decoder.Decode(&v) != nil {
			return
		}
		again(t, v, UnmarshalString, MarshalString)
		again(t, v, UnmarshalID, MarshalID)
		again(t, v, UnmarshalTime, MarshalTime)
		again(t, v, UnmarshalDate, MarshalDate)
		if s, err := UnmarshalString(v); err == nil && strings.ContainsRune(s, 0) {
			t.Errorf("%q has a null character", s)
		}
		if at, err := UnmarshalTime(v); err == nil && (at.UTC().Year() < 1 || at.UTC().Year() > 9999) {
			t.Errorf("%s was read as %s", raw, at)
		}
	})
}

func again[T any](t *testing.T, v any, read func(any) (T, error), write func(T) graphql.Marshaler) {
	t.Helper()
	got, err := read(v)
	if err != nil {
		if !errors.Is(err, &org.Error{Code: org.CodeBadInput}) {
			t.Errorf("%v is refused with %v", v, err)
		}
		return
	}
	var b strings.Builder
	write(got).MarshalGQL(&b)
	var back any
	if err := json.Unmarshal([]byte(b.String()), &back); err != nil {
		t.Fatalf("%v is written %s: %v", v, &b, err)
	}
	if at, isTime := any(got).(time.Time); isTime && at.IsZero() && back == nil {
		return // the zero time is null
	}
	second, err := read(back)
	if err != nil {
		t.Fatalf("%v is written %s, which is refused: %v", v, &b, err)
	}
	same := any(got) == any(second)
	if at, isTime := any(got).(time.Time); isTime {
		same = at.Equal(any(second).(time.Time))
	}
	if !same {
		t.Errorf("%v is written %s and read again as %v", v, &b, second)
	}
}
