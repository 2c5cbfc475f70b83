// Package list writes lists of objects as JSON without a goroutine, a context and a closure for each of their fields, which
// is where gqlgen spends most of a page's time. The generator (graph/generate) makes the code for each type from the schema
// and uses this package in it.
//
// It refuses to guess: a selection with a field that needs a resolver, an argument or a directive, a deferred one, and a null
// where the schema allows none go the slow way, which is gqlgen's own, and a test holds both to the same bytes.
package list

import (
	"bytes"
	"context"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

// Plan says what of an object a selection asks for, in order. It is made once for a list.
type Plan struct {
	Fields []Field
	slow   bool
}

// Field is one member of the JSON object.
type Field struct {
	Key   string  // the quoted alias with its colon, and the comma before it
	Index int     // which of the type's fields it is, for the generated code; 0 is __typename
	Inner []*Plan // what is asked of the object that it leads to, one plan for each type that this can be
}

// NewPlan is a plan with room for n fields.
func NewPlan(n int) *Plan { return &Plan{Fields: make([]Field, 0, n)} }

// Add takes a field up. One that is deferred, or leads to something without a plan, sends the list the slow way.
func (p *Plan) Add(field graphql.CollectedField, index int, inner ...*Plan) {
	for _, in := range inner {
		p.slow = p.slow || in == nil
	}
	p.slow = p.slow || len(field.Deferrables) > 0
	key := make([]byte, 0, len(field.Alias)+4)
	if len(p.Fields) > 0 {
		key = append(key, ',')
	}
	key = append(AppendString(key, field.Alias), ':')
	p.Fields = append(p.Fields, Field{Key: string(key), Index: index, Inner: inner})
}

// Done is the plan, or nil where the list has to go the slow way.
func (p *Plan) Done() *Plan {
	if p.slow {
		return nil
	}
	return p
}

// scratch is memory that lists are written into, used again.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

// largest is the size in bytes of scratch memory that is kept: what a long list has made larger is left to the collector.
const largest = 64 << 10

// Write is what fn appends, or nil where fn finds that it has to be written the slow way.
func Write(fn func(b []byte) (_ []byte, ok bool)) graphql.Marshaler {
	memory := scratch.Get().(*[]byte)
	written, ok := fn((*memory)[:0])
	var out graphql.Marshaler
	if ok {
		out = JSON(bytes.Clone(written))
	}
	if cap(written) <= largest {
		*memory = written
		scratch.Put(memory)
	}
	return out
}

// JSON is a value that has been written already.
type JSON []byte

// MarshalGQL writes it. gqlgen's buffer grows once, with some room for what comes after the list, instead of by doubling.
func (j JSON) MarshalGQL(w io.Writer) {
	if buffer, ok := w.(*bytes.Buffer); ok {
		buffer.Grow(len(j) + 512)
	}
	_, _ = w.Write(j) // As gqlgen's own: the buffer behind w takes everything.
}

const hex = "0123456789ABCDEF"

// AppendString appends a quoted string, escaped as [graphql.MarshalString] does.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '\\' && c != '"' {
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '\t':
			b = append(b, '\\', 't')
		case '\r':
			b = append(b, '\\', 'r')
		case '\n':
			b = append(b, '\\', 'n')
		case '\\', '"':
			b = append(b, '\\', c)
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
		}
		start = i + 1
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// AppendInt appends a number.
func AppendInt[T ~int | ~int32 | ~int64](b []byte, n T) []byte {
	return strconv.AppendInt(b, int64(n), 10)
}

// AppendBool appends true or false.
func AppendBool[T ~bool](b []byte, v T) []byte { return strconv.AppendBool(b, bool(v)) }

// AppendTime appends a moment as [muster/graph/scalar.MarshalTime] writes it.
func AppendTime(b []byte, t time.Time) []byte {
	b = append(b, '"')
	b = t.UTC().AppendFormat(b, time.RFC3339Nano)
	return append(b, '"')
}

// AppendMap appends an object of details as [graphql.MarshalMap] writes it.
func AppendMap(b []byte, m map[string]any) []byte {
	if m == nil {
		return AppendNull(b)
	}
	w := writer(b)
	graphql.MarshalMap(m).MarshalGQL(&w)
	return w
}

type writer []byte

func (w *writer) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}

// AppendNull appends null.
func AppendNull(b []byte) []byte { return append(b, "null"...) }

// Trace is how a test sees and decides which way lists go.
type Trace struct {
	// Slow sends every list the slow way, with all that its elements can show.
	Slow bool
	// Quick counts the lists that went the quick way.
	Quick atomic.Int64
}

type traceKey struct{}

// WithTrace answers a context whose lists the trace is asked about.
func WithTrace(ctx context.Context, trace *Trace) context.Context {
	return context.WithValue(ctx, traceKey{}, trace)
}

// Slow says whether a test wants everything done the slow way.
func Slow(ctx context.Context) bool {
	trace, traced := ctx.Value(traceKey{}).(*Trace)
	return traced && trace.Slow
}

// Allowed says whether a list with a plan may go the quick way: everywhere but in a test that says otherwise.
func Allowed(ctx context.Context) bool {
	trace, traced := ctx.Value(traceKey{}).(*Trace)
	if !traced {
		return true
	}
	if trace.Slow {
		return false
	}
	trace.Quick.Add(1)
	return true
}
