package lag

import (
	"fmt"
	"slices"
	"strings"
)

// Compact writes partitions as orders:0-3,refunds:1.
func Compact(partitions []TopicPartition) string {
	sorted := slices.Clone(partitions)
	slices.SortFunc(sorted, TopicPartition.Compare)
	var text strings.Builder
	for i := 0; i < len(sorted); {
		last := i
		for last+1 < len(sorted) && sorted[last+1].Topic == sorted[i].Topic && sorted[last+1].Partition == sorted[last].Partition+1 {
			last++
		}
		switch {
		case i == 0:
			text.WriteString(sorted[i].Topic + ":")
		case sorted[i].Topic != sorted[i-1].Topic:
			text.WriteString("," + sorted[i].Topic + ":")
		default:
			text.WriteString(",")
		}
		fmt.Fprint(&text, sorted[i].Partition)
		if last > i {
			fmt.Fprintf(&text, "-%d", sorted[last].Partition)
		}
		i = last + 1
	}
	return text.String()
}
