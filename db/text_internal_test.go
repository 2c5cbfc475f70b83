package db

import (
	"fmt"
	"strings"
	"testing"
)

// TestTextsStayWhatTheyAre: a text that was read holds when pgx uses its memory for the next row, and when the piece that it lies
// in is full.
func TestTextsStayWhatTheyAre(t *testing.T) {
	t.Parallel()
	var kept texts
	lent := make([]byte, 0, 64<<10)
	var got, want []string
	for i := range 2000 {
		text := fmt.Sprintf("text %d", i)
		if i%500 == 7 {
			text = strings.Repeat(text, 4000) // longer than any piece
		}
		c := columnText{kept: &kept}
		if err := c.ScanBytes(append(lent[:0], text...)); err != nil || !c.Valid {
			t.Fatal(c.Valid, err)
		}
		got, want = append(got, c.String), append(want, text)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("text %d is %.40q, and was %.40q", i, got[i], want[i])
		}
	}
	c := columnText{String: "left over", Valid: true, kept: &kept}
	if err := c.ScanBytes(nil); err != nil || c.Valid || c.String != "" {
		t.Errorf("null is %+v, %v", c, err)
	}
	if err := c.ScanBytes([]byte{}); err != nil || !c.Valid || c.String != "" {
		t.Errorf("an empty text is %+v, %v", c, err)
	}
}
