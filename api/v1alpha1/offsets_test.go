package v1alpha1_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

func TestTopicOffsets(t *testing.T) {
	offsets := map[string]map[int32]v1alpha1.OffsetRange{
		"refunds": {3: {From: 0, To: 0}},
		"orders":  {10: {From: -1, To: 80}, 0: {From: 1234, To: 1234}, 1: {From: 1250, To: 1262}},
	}
	written := v1alpha1.NewTopicOffsets(offsets)
	want := []v1alpha1.TopicOffsets{{Topic: "orders", Offsets: "0=1234,1=1250..1262,10=..80"}, {Topic: "refunds", Offsets: "3=0"}}
	if diff := cmp.Diff(want, written); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
	read, err := v1alpha1.ReadTopicOffsets(written)
	if diff := cmp.Diff(offsets, read); diff != "" || err != nil {
		t.Errorf("read again: %v (-want +got):\n%s", err, diff)
	}
}

func TestTopicOffsetsThatAreNone(t *testing.T) {
	for _, text := range []string{"", "0", "0=", "0=-1", "-1=0", "0=5..4", "0=a", "0=..", "0=1..", "0=1,,1=2", "0=-2..5"} {
		_, err := v1alpha1.ReadTopicOffsets([]v1alpha1.TopicOffsets{{Topic: "orders", Offsets: text}})
		if err == nil || !strings.Contains(err.Error(), "offsets of topic orders: ") {
			t.Errorf("%q is read: %v", text, err)
		}
	}
}
