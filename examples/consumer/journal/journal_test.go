package journal_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kohort-dev/kohort/examples/consumer/journal"
)

func TestWhatIsWrittenIsRead(t *testing.T) {
	var out bytes.Buffer
	w := journal.NewWriter(&out, "g-0001", "v2")
	entries := []journal.Entry{
		{T: 1, Event: journal.Start, Generation: -1},
		{T: 2, Event: journal.Assigned, Generation: 3, Partitions: map[string][]int32{"t": {0, 1}}},
		{T: 3, Event: journal.Processed, Topic: "t", First: 5, Last: 9, Count: 5, FirstMS: 1, LastMS: 2},
		{T: 4, Event: journal.Committed, Offsets: map[string]map[int32]int64{"t": {0: 10}}},
	}
	for i, e := range entries {
		w.Write(e)
		entries[i].Instance, entries[i].Version = "g-0001", "v2"
	}
	// The line that is being written just now.
	out.WriteString(`{"t":5,"ev`)
	got, err := journal.Read(&out)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(entries, got); diff != "" {
		t.Error(diff)
	}
}

func TestALineThatIsNoneIsNamed(t *testing.T) {
	_, err := journal.Read(bytes.NewBufferString("{\"t\":1}\npanic: no\n"))
	if err == nil || !bytes.Contains([]byte(err.Error()), []byte(`line 2`)) {
		t.Errorf("got %v", err)
	}
}
