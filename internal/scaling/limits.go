package scaling

import "fmt"

// limits bound how many slots there can be.
type limits struct {
	least, most int32
	// canOwn is how many can own a partition, minReplicas what the user asked for.
	canOwn, minReplicas int32
}

// limitsOf lets what can own a partition win over minReplicas: a slot above it
// only waits, and costs a rebalance when it joins.
func limitsOf(in Input) limits {
	most := max(1, min(in.Max, *in.CanOwn))
	return limits{
		least:       min(max(1, in.Min), most),
		most:        most,
		canOwn:      *in.CanOwn,
		minReplicas: in.Min,
	}
}

func (l limits) clamp(n int32) int32 { return min(max(n, l.least), l.most) }

// why names the limit that changes a need; empty if none does.
func (l limits) why(need int32) string {
	switch bounded := l.clamp(need); {
	case l.canOwn < l.minReplicas:
		return fmt.Sprintf("; held at %d: no more can own a partition, although minReplicas is %d", bounded, l.minReplicas)
	case bounded == need:
		return ""
	case bounded > need:
		return fmt.Sprintf("; held at %d: minReplicas", bounded)
	case l.canOwn == l.most:
		return fmt.Sprintf("; held at %d: no more can own a partition", bounded)
	default:
		return fmt.Sprintf("; held at %d: maxReplicas", bounded)
	}
}
