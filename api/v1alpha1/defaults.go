package v1alpha1

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// GroupID is the group.id of the consumers.
func (g *ConsumerGroup) GroupID() string {
	if g.Spec.GroupID != "" {
		return g.Spec.GroupID
	}
	return g.Name
}

// StartReplicas is how many slots to start with.
func (s *ConsumerGroupSpec) StartReplicas() int32 {
	n := valueOr(s.Replicas, 1)
	if s.Scaling != nil {
		n = min(max(n, s.Scaling.Min()), s.Scaling.MaxReplicas)
	}
	return n
}

// Min is the least number of slots.
func (s *Scaling) Min() int32 { return valueOr(s.MinReplicas, 1) }

// UpWindow is how long a greater need must last.
func (b ScalingBehavior) UpWindow() time.Duration {
	return seconds(valueOr(b.ScaleUp.StabilizationWindowSeconds, 0))
}

// DownWindow is how long a lesser need must last.
func (b ScalingBehavior) DownWindow() time.Duration {
	return seconds(valueOr(b.ScaleDown.StabilizationWindowSeconds, 300))
}

// PerPod is how many consumers run in each pod.
func (c Consumer) PerPod() int32 { return valueOr(c.ConsumersPerPod, 1) }

// Preset is how the program is told who it is.
func (c Consumer) Preset() Inject {
	if c.Inject == "" {
		return InjectEnv
	}
	return c.Inject
}

// EffectiveAssignor is the assignor, or its default.
func (s *ConsumerGroupSpec) EffectiveAssignor() Assignor {
	switch {
	case s.Consumer.Inject == InjectKafkaStreams:
		return AssignorStreams
	case s.Membership.Assignor != "":
		return s.Membership.Assignor
	case s.Membership.Consumer():
		return AssignorUniform
	default:
		return AssignorRange
	}
}

// Consumer says whether the group is one of type consumer (KIP-848).
func (m Membership) Consumer() bool { return m.Protocol == ProtocolConsumer }

// Protocol is what Kafka's clients call the assignor (ConsumerPartitionAssignor.name).
func (a Assignor) Protocol() string {
	switch a {
	case AssignorRoundRobin:
		return "roundrobin"
	case AssignorSticky:
		return "sticky"
	case AssignorCooperativeSticky:
		return "cooperative-sticky"
	case AssignorUniform:
		return "uniform"
	case AssignorStreams:
		return "stream"
	default:
		return "range"
	}
}

// EffectiveActivation is the activation, or its default.
func (m Membership) EffectiveActivation() Activation {
	if m.Activation == "" {
		return ActivationSidecar
	}
	return m.Activation
}

// MinSession is the shortest session timeout.
func (m Membership) MinSession() time.Duration {
	return seconds(valueOr(m.SessionTimeout.MinSeconds, 45))
}

// MaxSession is the longest session timeout.
func (m Membership) MaxSession() time.Duration {
	most := int32(300)
	if m.Consumer() {
		most = 60 // group.consumer.max.session.timeout.ms
	}
	return max(m.MinSession(), seconds(valueOr(m.SessionTimeout.MaxSeconds, most)))
}

// Heartbeat is the consumers' heartbeat interval. Clients have 3 s by themselves; a
// second less lets the others take over a dead consumer's partitions that much sooner.
func (m Membership) Heartbeat() time.Duration {
	if m.Consumer() {
		return seconds(valueOr(m.HeartbeatSeconds, 5)) // group.consumer.heartbeat.interval.ms
	}
	return seconds(valueOr(m.HeartbeatSeconds, 2))
}

// Budget is how many slots may be in handover at once.
func (r Rollout) Budget() int { return int(valueOr(r.MaxUnavailable, 1)) }

// EffectiveStrategy is the strategy, or its default.
func (r Rollout) EffectiveStrategy() Strategy {
	if r.Strategy == "" {
		return StrategyRolling
	}
	return r.Strategy
}

// EffectiveHandover is the handover, or its default.
func (r Rollout) EffectiveHandover() Handover {
	if r.Handover == "" {
		return HandoverAuto
	}
	return r.Handover
}

// WaitsForPromotion says whether a person has to promote a release by BlueGreen.
func (r Rollout) WaitsForPromotion() bool {
	return r.BlueGreen != nil && r.BlueGreen.AutoPromote != nil && !*r.BlueGreen.AutoPromote
}

// CanarySteps are the steps of a canary; none by another strategy.
func (r Rollout) CanarySteps() []CanaryStep {
	if r.Strategy != StrategyCanary || r.Canary == nil {
		return nil
	}
	return r.Canary.Steps
}

// Lasts is how long a pause lasts; 0: until it is promoted.
func (p CanaryPause) Lasts() time.Duration { return seconds(valueOr(p.Seconds, 0)) }

// PausesOnChange says whether a canary stops when it gets other partitions.
func (r Rollout) PausesOnChange() bool {
	return r.Canary == nil || r.Canary.OnPartitionsChange != OnFailureRollback
}

// ThenFollows is how a canary's other slots follow; "" without a canary.
func (r Rollout) ThenFollows() Strategy {
	switch {
	case r.Strategy != StrategyCanary:
		return ""
	case r.Canary == nil || r.Canary.Then == "":
		return StrategyRolling
	}
	return r.Canary.Then
}

// mostPartitions is how many partitions of a topic can be named.
const mostPartitions = 10_000

// Numbers are the partitions that are named.
func (p CanaryPartitions) Numbers() []int32 {
	var all []int32
	for part := range strings.SplitSeq(p.Partitions, ",") {
		first, last, ranges := strings.Cut(part, "-")
		if !ranges {
			last = first
		}
		from, err := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		for n := from; err == nil && err2 == nil && n <= to && len(all) < mostPartitions; n++ {
			all = append(all, int32(n))
		}
	}
	return all
}

// KeepBlue is for how long the revision before stands warm after a release.
func (r Rollout) KeepBlue() time.Duration {
	switch {
	case r.Strategy != StrategyBlueGreen:
		return 0
	case r.BlueGreen == nil:
		return seconds(300)
	default:
		return seconds(valueOr(r.BlueGreen.KeepBlueSeconds, 300))
	}
}

// SettledFor is how long the gate must hold.
func (g Gate) SettledFor() time.Duration { return seconds(valueOr(g.SettledSeconds, 20)) }

// MaxAge is for how long a record may wait; 0: there is no bound.
func (g Gate) MaxAge() time.Duration { return seconds(valueOr(g.MaxAgeSeconds, 0)) }

// Bound is the greatest value that is allowed. The schema lets nothing pass that is no
// number; what an older one did allows nothing.
func (c PrometheusCheck) Bound() float64 {
	most, err := strconv.ParseFloat(c.Max, 64)
	if err != nil {
		return math.Inf(-1)
	}
	return most
}

// placeholder is what a query is filled in with. A longer word is another one.
var placeholder = regexp.MustCompile(`\$(namespace|name|groupId|revision)\b`)

// OfRevision says whether a query is about one revision: it finds nothing before that runs.
func (c PrometheusCheck) OfRevision() bool {
	return slices.Contains(placeholder.FindAllString(c.Query, -1), "$revision")
}

// QueryFor is the query of a check for a group and the revision that is rolled out. What
// is filled in stands in double quotes mostly, and is written so that it stays there.
func (g *ConsumerGroup) QueryFor(c PrometheusCheck, revision string) string {
	return placeholder.ReplaceAllStringFunc(c.Query, func(found string) string {
		text := map[string]string{"$namespace": g.Namespace, "$name": g.Name, "$groupId": g.GroupID(), "$revision": revision}[found]
		quoted := strconv.Quote(text)
		return quoted[1 : len(quoted)-1]
	})
}

// Deadline is how long a rollout may go without progress.
func (r Rollout) Deadline() time.Duration { return seconds(valueOr(r.ProgressDeadlineSeconds, 600)) }

// Pauses says whether a failed gate leaves everything as it stands.
func (r Rollout) Pauses() bool { return r.OnFailure == OnFailurePause }

func valueOr(p *int32, def int32) int32 {
	if p == nil {
		return def
	}
	return *p
}

func seconds(n int32) time.Duration { return time.Duration(n) * time.Second }
