package lag

import "testing"

func TestCompact(t *testing.T) {
	tp := func(topic string, p int32) TopicPartition { return TopicPartition{Topic: topic, Partition: p} }
	for want, partitions := range map[string][]TopicPartition{
		"":                       nil,
		"orders:4":               {tp("orders", 4)},
		"orders:0-3,refunds:1":   {tp("refunds", 1), tp("orders", 0), tp("orders", 2), tp("orders", 1), tp("orders", 3)},
		"orders:0,2-3,5":         {tp("orders", 0), tp("orders", 2), tp("orders", 3), tp("orders", 5)},
		"orders:9-10,refunds:11": {tp("orders", 10), tp("orders", 9), tp("refunds", 11)},
	} {
		if got := Compact(partitions); got != want {
			t.Errorf("Compact(%v) = %q, want %q", partitions, got, want)
		}
	}
}
