package scalar

import (
	"errors"
	"strings"
	"testing"
	"time"

	"muster/org"
)

func TestUnmarshal(t *testing.T) {
	t.Parallel()
	bad := &org.Error{Code: org.CodeBadInput}
	for _, v := range []any{"yesterday", "", 7, nil, "2026-11-21", "2026-11-21T09:30:00", "2026-13-21T09:30:00Z", "0000-01-01T00:00:00Z", true} {
		if got, err := UnmarshalTime(v); !errors.Is(err, bad) {
			t.Errorf("the time %v is %s, %v", v, got, err)
		}
	}
	got, err := UnmarshalTime("2026-11-21T10:30:00.5+01:00")
	if want := time.Date(2026, 11, 21, 9, 30, 0, 500_000_000, time.UTC); err != nil || !got.Equal(want) {
		t.Errorf("the time is %s, %v", got, err)
	}
	var b strings.Builder
	MarshalTime(got).MarshalGQL(&b)
	if b.String() != `"2026-11-21T09:30:00.5Z"` {
		t.Errorf("the time is written %s", &b)
	}
	for _, v := range []any{"yesterday", "", 7, nil, "2026-11-31", "2026-11-21T00:00:00Z", "21.11.2026", "0000-01-01"} {
		if got, err := UnmarshalDate(v); !errors.Is(err, bad) {
			t.Errorf("the day %v is %s, %v", v, got, err)
		}
	}
	if got, err = UnmarshalDate("2026-11-21"); err != nil || !got.Equal(time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("the day is %s, %v", got, err)
	}
	b.Reset()
	if MarshalDate(got).MarshalGQL(&b); b.String() != `"2026-11-21"` {
		t.Errorf("the day is written %s", &b)
	}
	for name, read := range map[string]func(any) (string, error){"text": UnmarshalString, "id": UnmarshalID} {
		if got, err := read("Zoë\u200d"); got != "Zoë\u200d" || err != nil {
			t.Errorf("the %s is %q, %v", name, got, err)
		}
		for _, v := range []any{"a\x00b", "\x00", []string{"x"}} {
			if got, err := read(v); !errors.Is(err, bad) {
				t.Errorf("the %s %q is %q, %v", name, v, got, err)
			}
		}
	}
}
