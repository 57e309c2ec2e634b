package controllers

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/membership"
	"github.com/kohort-dev/kohort/internal/rollout"
	"github.com/kohort-dev/kohort/internal/scaling"
)

// When to look again although nothing has happened.
const (
	lookAgain  = 5 * time.Second
	lookAtOnce = 50 * time.Millisecond
)

// crashBackOff is for how long a slot whose consumer crashes over and over is left out
// of the group. To leave and to come back is a rebalance each.
const crashBackOff = 10 * time.Minute

// plan is what was decided in one pass.
type plan struct {
	rollout.Decision
	// scaling is what was decided about the number of slots; nil without
	// spec.scaling or before the first start.
	scaling *scaling.Decision
	// canOwn is how many slots can own a partition; nil while unknown.
	canOwn *int32
}

// decide makes a plan from what was seen. A group that must be held as it is gets
// a report and nothing else.
func decide(s seen) plan {
	p := plan{canOwn: canOwn(s)}
	desired := s.group.Spec.StartReplicas()
	if size := s.group.Status.State.Size; s.group.Spec.Scaling != nil && size != nil {
		p.scaling = scale(s, *size, p.canOwn)
		desired = p.scaling.Desired
	}
	in := rollout.Input{
		Now:     s.now,
		Group:   groupOf(s),
		State:   s.group.Status.State,
		Pods:    s.pods,
		Window:  s.window,
		Queries: s.queries,
		Desired: desired,

		Rebalances: s.rebalances,
		Found:      s.found,
	}
	p.Decision = rollout.Decide(in)
	if s.stall.holdsStill() && s.group.DeletionTimestamp.IsZero() {
		p.State, p.Actions = rollout.Hold(in)
	}
	p.Actions = append(p.Actions, rollout.Releases(s.strays, p.State)...)
	return p
}

func groupOf(s seen) rollout.Group {
	spec := &s.group.Spec
	g := rollout.Group{
		Names:    s.names,
		Assignor: spec.EffectiveAssignor().Protocol(),
		Topics:   spec.Topics,
		Revision: s.revision,

		Template:  s.bare,
		Unchecked: s.revision != s.template,
		Budget:    spec.Rollout.Budget(),
		Strategy:  spec.Rollout.EffectiveStrategy(),
		KeepBlue:  spec.Rollout.KeepBlue(),

		Steps:           spec.Rollout.CanarySteps(),
		Then:            spec.Rollout.ThenFollows(),
		PauseOnChange:   spec.Rollout.PausesOnChange(),
		Handover:        spec.Rollout.EffectiveHandover(),
		Stateful:        spec.EffectiveAssignor() == v1alpha1.AssignorStreams,
		AwaitsPromotion: spec.Rollout.WaitsForPromotion(),
		Commands:        commandsOf(s.group),
		SettledFor:      spec.Rollout.Gate.SettledFor(),
		MaxAge:          spec.Rollout.Gate.MaxAge(),
		MaxLagGrowth:    spec.Rollout.Gate.MaxLagGrowthPerSecond,
		Deadline:        spec.Rollout.Deadline(),
		Heartbeat:       spec.Membership.Heartbeat(),
		Consumer:        spec.Membership.Consumer(),
		SessionMin:      spec.Membership.MinSession(),
		SessionMax:      spec.Membership.MaxSession(),
		CrashBackOff:    crashBackOff,
		LostWaits:       spec.Membership.LostNode == v1alpha1.LostNodeWait,
		LostDead:        strings.FieldsFunc(s.group.Annotations[v1alpha1.AnnotationReplaceLost], func(r rune) bool { return r == ',' || unicode.IsSpace(r) }),
		PauseOnFailure:  spec.Rollout.Pauses(),
		Paused:          spec.Paused,
		Warm:            spec.Rollout.Warm,
		NoRoom:          s.recalls.noRoom(s.now),
	}
	if c := s.cluster; c != nil && c.Status.SessionTimeout != nil && !g.Consumer {
		g.BrokerMin = time.Duration(c.Status.SessionTimeout.MinSeconds) * time.Second
		g.BrokerMax = time.Duration(c.Status.SessionTimeout.MaxSeconds) * time.Second
	}
	if at := s.group.DeletionTimestamp; at != nil {
		g.DeletedAt = at.Time
	}
	return g
}

// canOwn is how many slots can own a partition; nil while a topic is missing or
// the group was not read, or Kafka Streams has yet to deal out all of its tasks. It
// deals them out to pods first, and in a pod to threads (StreamsPartitionAssignor), so
// that each can be in a slot of its own.
func canOwn(s seen) *int32 {
	reading, _ := s.window.Newest(s.now)
	if reading == nil || len(reading.MissingTopics) > 0 {
		return nil
	}
	assignor := s.group.Spec.EffectiveAssignor()
	if assignor == v1alpha1.AssignorStreams {
		if len(reading.Unowned()) > 0 {
			return nil
		}
		return reading.Tasks
	}
	n := s.names.Slots(membership.CanOwn(string(assignor), reading.PartitionCounts()))
	return &n
}

// scale decides how many slots there shall be, and remembers what was needed when.
func scale(s seen, size int32, canOwn *int32) *scaling.Decision {
	spec := s.group.Spec.Scaling
	in := scaling.Input{
		Now:           s.now,
		Current:       size,
		Min:           spec.Min(),
		Max:           spec.MaxReplicas,
		LagPerReplica: spec.Targets.LagPerReplica,
		CanOwn:        canOwn,
		History:       s.recalls.history,
		UpWindow:      spec.Behavior.UpWindow(),
		DownWindow:    spec.Behavior.DownWindow(),
	}
	if reading, _ := s.window.Newest(s.now); reading != nil {
		// One entry of the history per reading, however often it is looked at.
		in.Now = reading.At
		if last := len(in.History) - 1; last >= 0 && in.History[last].At.Equal(reading.At) {
			in.History = in.History[:last]
		}
		if total, _, known := reading.Lag(); known {
			in.Lag = &total
		} else {
			in.Unplaced = reading.Unplaced()
		}
	}
	d := scaling.Desired(in)
	s.recalls.history = d.History
	return &d
}

// again is when to decide again if nothing happens.
func (p plan) again() time.Duration {
	if p.Report.Hurry && p.After > 0 {
		return min(max(p.After, lookAtOnce), lookAgain)
	}
	return lookAgain
}

// sameState says whether two states mean the same.
func sameState(a, b v1alpha1.GroupState) bool { return equality.Semantic.DeepEqual(a, b) }

// idle says which slots can own no partition although spec.replicas asks for
// them; "" if there are none.
func (p plan) idle(s seen) string {
	size := p.State.Size
	if p.canOwn == nil || size == nil || *size <= *p.canOwn || s.group.Spec.Scaling != nil {
		return ""
	}
	which := fmt.Sprintf("ordinals %d to %d", *p.canOwn, *size-1)
	if s.group.Spec.EffectiveAssignor() == v1alpha1.AssignorStreams {
		// It does not go by the ids.
		which = fmt.Sprint(*size - *p.canOwn)
	}
	return fmt.Sprintf("%d of %d slots can own a partition, %s are idle: lower replicas, or add partitions", *p.canOwn, *size, which)
}
