// Package scalar reads the scalars of the schema whose values need more care than gqlgen gives them: a mistake in one is
// BAD_INPUT and no fault. Text and ids refuse the null character, which no name has and which PostgreSQL cannot store;
// times are RFC 3339 and nothing else.
package scalar

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"muster/org"
)

// MarshalString writes a text.
func MarshalString(s string) graphql.Marshaler { return graphql.MarshalString(s) }

// UnmarshalString reads a text without null characters.
func UnmarshalString(v any) (string, error) {
	s, err := graphql.UnmarshalString(v)
	return checked(s, err)
}

// MarshalID writes an id.
func MarshalID(s string) graphql.Marshaler { return graphql.MarshalID(s) }

// UnmarshalID reads an id without null characters.
func UnmarshalID(v any) (string, error) {
	s, err := graphql.UnmarshalID(v)
	return checked(s, err)
}

func checked(s string, err error) (string, error) {
	if err != nil {
		return "", org.Refuse(org.CodeBadInput, "An argument is not a text.")
	}
	if strings.ContainsRune(s, 0) {
		return "", org.Refuse(org.CodeBadInput, "A text cannot have a null character.")
	}
	return s, nil
}

// MarshalTime writes a moment in UTC; the zero time is null.
func MarshalTime(t time.Time) graphql.Marshaler {
	if t.IsZero() {
		return graphql.Null
	}
	return graphql.WriterFunc(func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "%q", t.UTC().Format(time.RFC3339Nano))
	})
}

// UnmarshalTime reads an RFC 3339 moment of a year from 1 to 9999.
func UnmarshalTime(v any) (time.Time, error) {
	text, _ := v.(string)
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.UTC().Year() < 1 || t.UTC().Year() > 9999 {
		return time.Time{}, org.Refuse(org.CodeBadInput, "A time is written as RFC 3339, for example 2026-11-21T09:30:00Z.")
	}
	return t, nil
}

// MarshalDate writes a day in UTC.
func MarshalDate(t time.Time) graphql.Marshaler {
	return graphql.MarshalString(t.UTC().Format(time.DateOnly))
}

// UnmarshalDate reads a day, as midnight UTC, of a year from 1 to 9999.
func UnmarshalDate(v any) (time.Time, error) {
	text, _ := v.(string)
	t, err := time.Parse(time.DateOnly, text)
	if err != nil || t.Year() < 1 {
		return time.Time{}, org.Refuse(org.CodeBadInput, "A day is written as ISO 8601, for example 2026-11-21.")
	}
	return t, nil
}
