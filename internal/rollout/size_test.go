package rollout

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
	"github.com/kohort-dev/kohort/internal/membership"
)

// large is a group of many slots in the middle of a rollout by a strategy.
func large(slots int32, strategy v1alpha1.Strategy) Input {
	now := simEpoch.Add(time.Hour)
	in := Input{Now: now, Desired: slots, Group: Group{
		Names: membership.Naming{Prefix: simPrefix}, Assignor: byRange, Topics: []string{simTopic}, Revision: "r1", Template: "r1", Budget: 1,
		Strategy: strategy, SettledFor: 20 * time.Second, Deadline: time.Hour, Heartbeat: simHeartbeat, SessionMin: simSession, SessionMax: simSessionMax,
	}}
	in.State = v1alpha1.GroupState{Size: &slots, Stable: "r0", SessionSeconds: 45, Rollout: &v1alpha1.RolloutState{
		From: "r0", To: "r1", Stage: v1alpha1.RolloutProgressing, Strategy: strategy, StartedAt: *micro(now.Add(-time.Minute)), ProgressAt: *micro(now),
	}}
	reading := lag.Reading{At: now.Add(-time.Second), State: lag.StateStable, Assignor: byRange}
	for ordinal := range slots {
		p := Pod{
			Name: fmt.Sprint("pod-", ordinal), UID: types.UID(fmt.Sprint("pod-", ordinal)), Ordinal: ordinal, Revision: "r0",
			Created: simEpoch, Activated: true, Running: true, Ready: true, StartedAt: simEpoch,
		}
		in.Pods = append(in.Pods, p)
		in.State.Slots = append(in.State.Slots, v1alpha1.SlotState{Ordinal: ordinal, Holder: p.UID, Pod: p.Name, Revision: "r0", Since: *micro(simEpoch)})
		in.State.Rollout.Baseline.Slots = append(in.State.Rollout.Baseline.Slots, v1alpha1.BaselineSlot{Ordinal: ordinal})
		tp := lag.TopicPartition{Topic: simTopic, Partition: ordinal}
		reading.Members = append(reading.Members, lag.Member{
			InstanceID: fmt.Sprintf("%s-%04d", simPrefix, ordinal), MemberID: string(p.UID), Assigned: []lag.TopicPartition{tp}, Topics: []string{simTopic},
		})
		reading.Partitions = append(reading.Partitions, lag.Partition{TopicPartition: tp, Committed: ptr.To[int64](7), End: 7})
	}
	before := reading
	before.At = now.Add(-30 * time.Second)
	in.Window = lag.Window{before, reading}
	return in
}

// onTrialFor has all slots run the update, and be read since then.
func (in Input) onTrialFor(seconds int) Input {
	since, last := *micro(in.Now.Add(-time.Duration(seconds+5) * time.Second)), in.Window[len(in.Window)-1]
	for i := range in.Pods {
		in.Pods[i].Revision, in.State.Slots[i].Revision, in.State.Slots[i].Since = "r1", "r1", since
		in.State.Rollout.Begun = append(in.State.Rollout.Begun, int32(i))
	}
	in.Window = nil
	for ago := seconds; ago > 0; ago-- {
		last.At = in.Now.Add(-time.Duration(ago) * time.Second)
		in.Window = append(in.Window, last)
	}
	return in
}

// BenchmarkDecide is what one decision costs in the middle of a rollout: before a slot is
// begun, and with all of them on trial.
func BenchmarkDecide(b *testing.B) {
	for _, slots := range []int32{10, 100, 1000} {
		for name, in := range map[string]Input{
			"Rolling":            large(slots, v1alpha1.StrategyRolling),
			"BlueGreen":          large(slots, v1alpha1.StrategyBlueGreen),
			"BlueGreen-on-trial": large(slots, v1alpha1.StrategyBlueGreen).onTrialFor(15),
			"Recreate":           large(slots, v1alpha1.StrategyRecreate),
		} {
			b.Run(fmt.Sprintf("%s/%d", name, slots), func(b *testing.B) {
				for b.Loop() {
					Decide(in)
				}
			})
		}
	}
}
