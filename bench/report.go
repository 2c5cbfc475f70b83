package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report is what the command tells.
type report struct {
	When     time.Time
	CPUs     int
	Go       string
	Rounds   int
	Each     string
	Quick    bool
	LoadAvg  string // of the machine, when it ended: whoever reads the figures should know how busy it was
	Results  []*result
	finished bool
}

func newReport(o options) *report {
	return &report{When: time.Now().UTC(), CPUs: runtime.NumCPU(), Go: runtime.Version(), Rounds: o.Rounds, Each: o.Each.String(), Quick: o.Quick}
}

func (r *report) finish() {
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		r.LoadAvg = strings.TrimSpace(string(load))
	}
	r.finished = true
}

// result is one path's.
type result struct {
	Path, About, Op string
	// Ratios are Muster's figure by the limit's, over the rounds.
	Ratios map[string]spread
	// Muster and Limit are medians of the rounds.
	Muster, Limit side
	Goals         []outcome

	path   path
	rounds [2][]sample
}

// spread is the median of the rounds' ratios with the least and the most.
type spread struct{ Median, Min, Max float64 }

// side are medians of one side's rounds.
type side struct {
	Rate     float64 // operations a second
	CPU      float64 // microseconds an operation
	Mallocs  float64 // an operation
	Bytes    float64 // allocated by an operation
	P50, P99 float64 // milliseconds
	MemoryMB float64
	Figures  map[string]float64 `json:",omitempty"`
}

// outcome is a goal and whether it was met.
type outcome struct {
	Goal string
	Met  bool
}

func rate(s sample) float64   { return float64(s.Ops) / s.Took.Seconds() }
func cpu(s sample) float64    { return float64(s.CPU.Microseconds()) / float64(s.Ops) }
func allocs(s sample) float64 { return s.Mallocs / float64(s.Ops) }
func size(s sample) float64   { return s.Allocated / float64(s.Ops) }
func p50(s sample) float64    { return float64(s.P50.Microseconds()) / 1000 }
func p99(s sample) float64    { return float64(s.P99.Microseconds()) / 1000 }
func memory(s sample) float64 { return float64(s.Memory) / (1 << 20) }

func (r *result) add(muster, limit sample) {
	r.rounds[0], r.rounds[1] = append(r.rounds[0], muster), append(r.rounds[1], limit)
}

func (r *result) finish() {
	r.Muster, r.Limit = medians(r.rounds[0]), medians(r.rounds[1])
	r.Ratios = map[string]spread{}
	of := map[string]func(sample) float64{"rate": rate, "cpu": cpu, "allocs": allocs, "bytes": size, "p99": p99}
	for name := range r.rounds[0][0].Figures {
		of[name] = func(s sample) float64 { return s.Figures[name] }
	}
	for name, figure := range of {
		var ratios []float64
		for i, muster := range r.rounds[0] {
			if limit := figure(r.rounds[1][i]); limit > 0 {
				ratios = append(ratios, figure(muster)/limit)
			}
		}
		if len(ratios) > 0 {
			r.Ratios[name] = spread{Median: median(ratios), Min: slices.Min(ratios), Max: slices.Max(ratios)}
		}
	}
	for _, g := range r.path.Goals {
		ratio, measured := r.Ratios[g.Figure]
		met := measured && g.met(ratio.Median)
		if g.Own {
			met = !slices.ContainsFunc(r.rounds[0], func(s sample) bool { figure, known := s.Figures[g.Figure]; return !known || !g.met(figure) })
		}
		r.Goals = append(r.Goals, outcome{g.String(), met})
	}
}

func medians(rounds []sample) side {
	of := func(figure func(sample) float64) float64 {
		var values []float64
		for _, s := range rounds {
			values = append(values, figure(s))
		}
		return median(values)
	}
	out := side{Rate: of(rate), CPU: of(cpu), Mallocs: of(allocs), Bytes: of(size), P50: of(p50), P99: of(p99), MemoryMB: of(memory)}
	for name := range rounds[0].Figures {
		if out.Figures == nil {
			out.Figures = map[string]float64{}
		}
		out.Figures[name] = of(func(s sample) float64 { return s.Figures[name] })
	}
	return out
}

func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	n := len(values)
	if n%2 == 1 {
		return values[n/2]
	}
	return (values[n/2-1] + values[n/2]) / 2
}

// table prints the report for people. Muster's figure stands before the limit's.
func (r *report) table(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "path\trate\tCPU/op\top/s\tµs CPU\tallocs/op\tKB/op\tp50 ms\tp99 ms\tMB\tgoals\n")
	for _, p := range r.Results {
		fmt.Fprintf(w, "%s\t%s\t%s\t%.0f : %.0f\t%.1f : %.1f\t%.0f : %.0f\t%.1f : %.1f\t%.1f : %.1f\t%.1f : %.1f\t%.0f : %.0f\t%s\n",
			p.Path, p.Ratios["rate"], p.Ratios["cpu"], p.Muster.Rate, p.Limit.Rate, p.Muster.CPU, p.Limit.CPU, p.Muster.Mallocs, p.Limit.Mallocs,
			p.Muster.Bytes/1024, p.Limit.Bytes/1024, p.Muster.P50, p.Limit.P50, p.Muster.P99, p.Limit.P99,
			p.Muster.MemoryMB, p.Limit.MemoryMB, p.outcomes())
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, p := range r.Results {
		for _, name := range slices.Sorted(maps.Keys(p.Muster.Figures)) {
			if _, err := fmt.Fprintf(out, "%s: %s %.4g : %.4g, ratio %s\n", p.Path, name, p.Muster.Figures[name], p.Limit.Figures[name], p.Ratios[name]); err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprintf(out, "\nMuster : limit. Ratios are the median of %d rounds of %s (least–most). %d CPUs, %s, load %s.\n",
		r.Rounds, r.Each, r.CPUs, r.Go, r.LoadAvg)
	return err
}

func (s spread) String() string { return fmt.Sprintf("%.2f (%.2f–%.2f)", s.Median, s.Min, s.Max) }

func (r *result) outcomes() string {
	var out []string
	for _, g := range r.Goals {
		out = append(out, g.Goal+map[bool]string{true: " ✓", false: " ✗"}[g.Met])
	}
	return strings.Join(out, ", ")
}

// check says which paths use more than they may. Allocations are the same on every machine; CPU ratios have their margin in
// the bound.
func (r *report) check() error {
	var wrong []error
	for _, p := range r.Results {
		if most := p.path.Allocs; most > 0 && p.Muster.Mallocs > most {
			wrong = append(wrong, fmt.Errorf("%s makes %.0f allocations for a %s, and may make %.0f", p.Path, p.Muster.Mallocs, p.Op, most))
		}
		if most := p.path.CPU; most > 0 && p.Ratios["cpu"].Median > most {
			wrong = append(wrong, fmt.Errorf("%s takes %.2f times the limit's CPU for a %s, and may take %.2f", p.Path, p.Ratios["cpu"].Median, p.Op, most))
		}
	}
	return errors.Join(wrong...)
}
