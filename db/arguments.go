package db

import (
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"muster/org"
)

// arguments are those of a query for a page that is put together.
type arguments struct {
	anew   bool // it is planned each time, for what is asked for: where how many there are decides on the way to them
	values []any
	most   int // rows that may be asked for
}

// add is what stands in the query for a value of one of PostgreSQL's types. PostgreSQL keeps a plan for any page where it looks as cheap
// as those that it has made for one. What a SELECT gives it knows of neither, so they are the same.
func (a *arguments) add(kind string, value any) string {
	a.values = append(a.values, value)
	parameter := fmt.Sprintf("$%d::%s", len(a.values), kind)
	if a.anew {
		return parameter
	}
	return "(SELECT " + parameter + ")"
}

// limit is what stands in the query for how many rows the page has.
func (a *arguments) limit(rows int) string {
	a.most = max(rows, org.MaxPage+1)
	return a.add("bigint", rows)
}

// first are a query's first rows in this order, up to the limit. A plan for any page is told how many they are at most: else it takes a
// tenth of all for a page.
func (a *arguments) first(query, order, limit string, most int) string {
	order = " ORDER BY " + order + " LIMIT "
	if !a.anew {
		query = "SELECT * FROM (" + query + order + strconv.Itoa(most) + ") m"
	}
	return "(" + query + order + limit + ")"
}

// given are the arguments as pgx takes them.
func (a *arguments) given() []any {
	if a.anew {
		return append([]any{pgx.QueryExecModeCacheDescribe}, a.values...)
	}
	return a.values
}
