// Package journal is what the sample consumer says on its standard output: one
// JSON object per line and event. Tests and the demo read it back.
package journal

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
)

// Event is what an entry tells of.
type Event string

// The events, about in the order in which they come.
const (
	// Start is the process's first word.
	Start Event = "start"
	// Joined: the process is a member of the group, in Generation.
	Joined Event = "joined"
	// Assigned: it owns Partitions from now on.
	Assigned Event = "assigned"
	// Record is one record processed: Topic, Partition, First (its offset) and
	// FirstMS. Only with LOG_RECORDS=1.
	Record Event = "record"
	// Processed is a run of records of one partition, First to Last.
	Processed Event = "processed"
	// Committed: the group's offsets are Offsets now.
	Committed Event = "committed"
	// Revoked: it gave Partitions up, in peace, its offsets committed.
	Revoked Event = "revoked"
	// Lost: it lost Partitions, and could not commit any more.
	Lost Event = "lost"
	// Failed: something went wrong; Error says what.
	Failed Event = "failed"
	// Ignored: it was asked to end and does not.
	Ignored Event = "ignored"
	// Stopped is the last word of a process that ends in peace.
	Stopped Event = "stopped"
)

// Entry is one line. Fields that an event does not need are left out.
type Entry struct {
	// T is the time of the entry, in ms since 1970.
	T     int64 `json:"t"`
	Event Event `json:"event"`
	// Instance is the group.instance.id, "" for a dynamic member.
	Instance string `json:"instance"`
	Version  string `json:"version"`
	// Generation is the group's, as this member knows it; -1 outside the group.
	Generation int32              `json:"generation"`
	Partitions map[string][]int32 `json:"partitions,omitempty"`

	Topic     string `json:"topic,omitempty"`
	Partition int32  `json:"partition"`
	// First and Last are offsets, both included.
	First int64 `json:"first"`
	Last  int64 `json:"last"`
	Count int64 `json:"count,omitempty"`
	// FirstMS and LastMS are when those two records were processed, in ms since
	// 1970.
	FirstMS int64 `json:"firstMs,omitempty"`
	LastMS  int64 `json:"lastMs,omitempty"`

	// Offsets are the next offsets to be consumed, by topic and partition.
	Offsets map[string]map[int32]int64 `json:"offsets,omitempty"`
	Error   string                     `json:"error,omitempty"`
}

// Writer writes entries, each with one write, so that kill -9 loses none.
type Writer struct {
	// Instance and Version go into every entry.
	Instance, Version string

	mu  sync.Mutex
	out io.Writer
}

// NewWriter makes a writer for one process.
func NewWriter(out io.Writer, instance, version string) *Writer {
	return &Writer{Instance: instance, Version: version, out: out}
}

// Write writes an entry and sets its time, if it has none, instance and version.
func (w *Writer) Write(e Entry) {
	if e.T == 0 {
		e.T = time.Now().UnixMilli()
	}
	e.Instance, e.Version = w.Instance, w.Version
	// An Entry can always be marshalled, and a standard output that nobody reads
	// is no reason to stop consuming.
	line, _ := json.Marshal(e)
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _ = w.out.Write(append(line, '\n'))
}

// Read reads all whole lines. The last one may still be being written.
func Read(r io.Reader) ([]Entry, error) {
	var entries []Entry
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return entries, nil
		}
		if err != nil {
			return entries, fmt.Errorf("read the consumer's journal: %w", err)
		}
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return entries, fmt.Errorf("read line %d of the consumer's journal, %q: %w", len(entries)+1, line, err)
		}
		entries = append(entries, e)
	}
}
