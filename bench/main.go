// Command bench measures Muster against the machine's limit: `go run ./bench`, from the top of the repository.
//
// It starts one PostgreSQL with its real settings, builds Muster and starts it as people run it, and beside it a server that
// does the same by hand: net/http, pgx and encoding/json, nothing else, on the same data with as large a pool. The two are
// asked in turn, round after round, and what is told is the median of the rounds' ratios: absolute figures of a machine that
// others use too mean little, ratios of one moment do. A server's CPU time comes from /proc, its allocations from its own
// count; the client that makes the load is this process and is not counted.
//
// A path that is measured is one file here and one line in [paths]. The command is no part of Muster and imports nothing of
// it above db: what it measures is the program.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// limitArgument as first argument makes this program the limit's server instead of the harness.
const limitArgument = "limit-server"

// paths are what is measured, in the table's order.
func paths() []path {
	return append([]path{
		membersPath(),
		auditPath("audit-10k", 10_000, false), auditPath("audit-100k", 100_000, false),
		auditPath("audit-1m", 1_000_000, true), auditPath("audit-10m", 10_000_000, true),
		sweepPath("sweep", 100_000, false), sweepPath("sweep-1m", 1_000_000, true),
	}, slices.Concat(crowdPaths("10k", 10_000, true), crowdPaths("1m", 1_000_000, true), livePaths(), mutationPaths(), []path{idlePath()}, startPaths(), instancePaths(), peerPaths())...)
}

// options are what the command line says.
type options struct {
	Quick   bool
	JSON    bool
	Rounds  int
	Only    string
	Profile string
	Peers   bool
	// Each is how long each side is asked in one round.
	Each time.Duration
}

func main() {
	ending := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		ending = append(ending, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), ending...)
	defer stop()
	var err error
	if len(os.Args) > 1 && os.Args[1] == limitArgument {
		err = serveLimit(ctx, os.Args[2:])
	} else {
		err = bench(ctx, os.Args[1:], os.Stdout, os.Stderr)
	}
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.BoolVar(&o.Quick, "quick", false, "small data and short rounds, under a minute; fails where a path allocates or computes more than it may")
	flags.BoolVar(&o.JSON, "json", false, "print JSON instead of a table")
	flags.IntVar(&o.Rounds, "rounds", 5, "how often each side is asked")
	flags.DurationVar(&o.Each, "each", 5*time.Second, "how long each side is asked in one round; with --quick 500ms where it is not given")
	flags.StringVar(&o.Only, "only", "", "measure only the paths whose names begin so, as a regular expression; sweep$ is that one alone: "+strings.Join(names(paths()), ", "))
	flags.BoolVar(&o.Peers, "peers", false, "measure against other people's programs too, which needs Node.js with npm for all but peer-centrifuge, and a network")
	flags.StringVar(&o.Profile, "profile", "", "write Muster's CPU and allocation profiles of each path into this folder")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := o.complete(flags); err != nil {
		return err
	}
	only, err := regexp.Compile("^(?:" + o.Only + ")")
	if err != nil {
		return fmt.Errorf("--only takes the beginning of a name, or a regular expression: %w", err)
	}
	chosen := slices.DeleteFunc(paths(), func(p path) bool {
		// Quickly, and with nothing named, only what is held to a bound: that is what CI asks.
		free := o.Only == "" && p.Allocs == 0 && p.CPU == 0
		return !only.MatchString(p.Name) || o.Quick && (p.Long || free) || p.Peer != "" && !o.Peers
	})
	if len(chosen) == 0 {
		return fmt.Errorf("nothing to measure: --only takes one of %s, of which --quick leaves out what takes long, and what begins with peer needs --peers",
			strings.Join(names(paths()), ", "))
	}
	if err := peersCanRun(chosen); err != nil {
		return err
	}
	results, err := measureAll(ctx, o, chosen, stderr)
	if err != nil {
		return err
	}
	if o.JSON {
		encoder := json.NewEncoder(stdout)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(results)
	} else {
		err = results.table(stdout)
	}
	if err == nil && o.Quick {
		err = results.check()
	}
	return err
}

// complete refuses what cannot be measured, before anything is filled, and adds what goes without saying.
func (o *options) complete(flags *flag.FlagSet) error {
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is no option: paths are named by --only", flags.Arg(0))
	}
	given := false
	flags.Visit(func(f *flag.Flag) { given = given || f.Name == "each" })
	if o.Quick && !given {
		o.Each = 500 * time.Millisecond
	}
	if o.Rounds < 1 {
		return fmt.Errorf("--rounds is %d and has to be 1 or more", o.Rounds)
	}
	if o.Each < clockTick {
		return fmt.Errorf("--each is %s and has to be %s or more, in which CPU time is counted", o.Each, clockTick)
	}
	return nil
}

func names(of []path) []string {
	var names []string
	for _, p := range of {
		names = append(names, p.Name)
	}
	return names
}

// measureAll runs the paths one after the other in one arena.
func measureAll(ctx context.Context, o options, chosen []path, stderr io.Writer) (_ *report, err error) {
	a, err := newArena(ctx, o, stderr)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, a.close()) }()
	if err := a.installPeers(ctx, chosen); err != nil { // not after an hour of measuring
		return nil, err
	}
	out := newReport(o)
	for _, p := range chosen {
		began := time.Now()
		result, err := a.measure(ctx, p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		}
		out.Results = append(out.Results, result)
		a.say("%s took %s", p.Name, time.Since(began).Round(time.Second))
	}
	out.finish()
	return out, nil
}
