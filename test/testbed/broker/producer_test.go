package broker_test

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kohort-dev/kohort/test/testbed/process"
)

func TestBurstBySignal(t *testing.T) {
	topic := fresh(t)
	s := start(t, "producer", map[string]string{"TOPICS": topic, "CREATE_PARTITIONS": "3", "BURST": "6", "BURST_RECORDS": "30"})
	total := func(want int64) {
		t.Helper()
		eventually(t, func() string {
			listed, err := shared.Admin().ListEndOffsets(t.Context(), topic)
			if err != nil {
				t.Fatal(err)
			}
			got := map[int32]int64{}
			for number, p := range listed[topic] {
				got[number] = p.Offset
			}
			return cmp.Diff(map[int32]int64{0: want / 3, 1: want / 3, 2: want / 3}, got)
		})
	}
	total(6)
	if err := s.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	total(36)
	s.end(t)
	text, err := os.ReadFile(s.stdout)
	if err != nil {
		t.Fatal(err)
	}
	if want := `"` + topic + `":{"written":36,"failed":0}`; !strings.Contains(process.LastLines(string(text), 20), want) {
		t.Errorf("its last words lack %s:\n%s", want, process.LastLines(string(text), 20))
	}
}
