package v1alpha1

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// TopicOffsets are offsets of a topic's partitions, written so that a thousand of them take
// little room.
type TopicOffsets struct {
	// topic that they are of.
	Topic string `json:"topic"`
	// offsets by partition: 0=1234,1=1250..1262,2=..80 are one, one between two, and one that
	// is at most 80.
	Offsets string `json:"offsets"`
}

// OffsetRange is an offset that is known (From and To are the same), or between which two it
// is. From is -1 if there is no least one.
type OffsetRange struct{ From, To int64 }

// Exact says whether the offset is known.
func (o OffsetRange) Exact() bool { return o.From == o.To }

func (o OffsetRange) String() string {
	switch {
	case o.Exact():
		return strconv.FormatInt(o.To, 10)
	case o.From < 0:
		return ".." + strconv.FormatInt(o.To, 10)
	default:
		return fmt.Sprintf("%d..%d", o.From, o.To)
	}
}

// NewTopicOffsets writes offsets down, by topic.
func NewTopicOffsets(offsets map[string]map[int32]OffsetRange) []TopicOffsets {
	var all []TopicOffsets
	for _, topic := range slices.Sorted(maps.Keys(offsets)) {
		var parts []string
		for _, partition := range slices.Sorted(maps.Keys(offsets[topic])) {
			parts = append(parts, fmt.Sprintf("%d=%s", partition, offsets[topic][partition]))
		}
		all = append(all, TopicOffsets{Topic: topic, Offsets: strings.Join(parts, ",")})
	}
	return all
}

// ReadTopicOffsets reads them again. An error names what cannot be read.
func ReadTopicOffsets(all []TopicOffsets) (map[string]map[int32]OffsetRange, error) {
	offsets := map[string]map[int32]OffsetRange{}
	for _, t := range all {
		offsets[t.Topic] = map[int32]OffsetRange{}
		for _, part := range strings.Split(t.Offsets, ",") {
			partition, o, err := readOffset(part)
			if err != nil {
				return nil, fmt.Errorf("offsets of topic %s: %w", t.Topic, err)
			}
			offsets[t.Topic][partition] = o
		}
	}
	return offsets, nil
}

func readOffset(text string) (partition int32, o OffsetRange, err error) {
	number, value, _ := strings.Cut(text, "=")
	from, to, isRange := strings.Cut(value, "..")
	if !isRange {
		to = from
	}
	if from == "" {
		from = "-1"
	}
	n, errN := strconv.ParseInt(number, 10, 32)
	o.From, err = strconv.ParseInt(from, 10, 64)
	var errTo error
	o.To, errTo = strconv.ParseInt(to, 10, 64)
	if err != nil || errN != nil || errTo != nil || n < 0 || o.To < 0 || o.From < -1 || o.From > o.To {
		return 0, OffsetRange{}, fmt.Errorf("%q is not of the form 0=1234, 0=1234..1240 or 0=..1240", text)
	}
	return int32(n), o, nil
}
