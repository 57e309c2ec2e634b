// Command producer is the sample producer: it writes small JSON records,
// {"seq":N,"t":ms since 1970}, evenly over time and round robin over the
// partitions, and says once a second as a JSON line how many it has written.
//
//	KAFKA_BOOTSTRAP_SERVERS  the brokers
//	TOPICS                   where to, separated by commas
//	RATE                     records per second and topic; 0 unless set
//	RATE_FILE                a file that overrides RATE while it holds a number;
//	                         read ten times a second
//	BURST                    records per topic at once, at the start
//	BURST_RECORDS            records per topic at once, at each SIGUSR1; 10000
//	                         unless set
//	CREATE_PARTITIONS        make missing topics with so many partitions
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// flushPatience is how long the last records may take.
const flushPatience = 25 * time.Second

func main() { os.Exit(run()) }

func run() int {
	c, err := parseConfig(os.Getenv)
	if err != nil {
		fmt.Fprintf(os.Stderr, "producer: %v\n", err)
		return 2
	}
	bursts := make(chan os.Signal, 16)
	signal.Notify(bursts, syscall.SIGUSR1)
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer cancel()
	if err := produce(ctx, c, bursts, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "producer: %v\n", err)
		return 1
	}
	return 0
}

func produce(ctx context.Context, c config, bursts <-chan os.Signal, out io.Writer) error {
	p, err := newProducer(ctx, c)
	if err != nil {
		return err
	}
	p.produce(c.burst)

	rates := rateReader{config: c}
	s := schedule{last: time.Now()}
	seconds := time.NewTicker(time.Second)
	defer seconds.Stop()
	due := time.NewTimer(0)
	defer due.Stop()
	for ctx.Err() == nil {
		now := time.Now()
		// What has come due has done so at the rate that ends now.
		records := s.due(now)
		s.rate = rates.read(now)
		p.produce(records)
		due.Reset(s.wait())
		select {
		case <-ctx.Done():
		case <-due.C:
		case <-bursts:
			p.produce(c.signalBurst)
		case <-seconds.C:
			report(out, p, s.rate)
		}
	}
	flush, cancel := context.WithTimeout(context.Background(), flushPatience)
	defer cancel()
	err = p.close(flush)
	report(out, p, s.rate)
	return err
}

// report writes a line with the totals. A standard output that nobody reads is no
// reason to stop producing.
func report(out io.Writer, p *producer, rate float64) {
	type totals struct {
		Written int64 `json:"written"`
		Failed  int64 `json:"failed"`
	}
	line := struct {
		T      int64             `json:"t"`
		Event  string            `json:"event"`
		Rate   float64           `json:"rate"`
		Topics map[string]totals `json:"topics"`
	}{time.Now().UnixMilli(), "produced", rate, map[string]totals{}}
	for _, t := range p.topics {
		line.Topics[t.name] = totals{t.written.Load(), t.failed.Load()}
	}
	// Numbers can always be marshalled.
	text, _ := json.Marshal(line)
	_, _ = out.Write(append(text, '\n'))
}

// rateReader looks at the rate's file now and then.
type rateReader struct {
	config
	next time.Time
	// complaint is the last thing said about the file, so that it is said once.
	complaint string
}

// read is the rate from now on: the file's, while it says one, else RATE.
func (r *rateReader) read(now time.Time) float64 {
	if r.rateFile == "" || now.Before(r.next) {
		return r.rate
	}
	r.next = now.Add(step)
	content, err := os.ReadFile(r.rateFile)
	if errors.Is(err, fs.ErrNotExist) {
		return r.rate
	}
	var rate float64
	if err == nil {
		rate, err = parseRate(string(content))
	}
	if err != nil {
		if err.Error() != r.complaint {
			r.complaint = err.Error()
			fmt.Fprintf(os.Stderr, "producer: read the rate from %s: %v; going on with %v\n", r.rateFile, err, r.rate)
		}
		return r.rate
	}
	r.complaint = ""
	// A file that is being replaced, or removed, leaves its last rate.
	r.rate = rate
	return rate
}
