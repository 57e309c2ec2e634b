package controllers

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
	"github.com/kohort-dev/kohort/internal/membership"
	"github.com/kohort-dev/kohort/internal/rollout"
)

// slotStatuses are the slots that there are, or that are on their way in or out.
func slotStatuses(s seen, p plan, due bool) []v1alpha1.SlotStatus {
	count := int32(0)
	if p.State.Size != nil {
		count = *p.State.Size
	}
	known := map[int32]v1alpha1.SlotState{}
	for _, slot := range p.State.Slots {
		known[slot.Ordinal] = slot
		count = max(count, slot.Ordinal+1)
	}
	if s.group.DeletionTimestamp.IsZero() {
		count = max(count, p.Report.Desired)
	}
	before := map[int32]v1alpha1.SlotStatus{}
	for _, slot := range s.group.Status.Slots {
		before[slot.Ordinal] = slot
	}
	reading, _ := s.window.Newest(s.now)
	statuses := make([]v1alpha1.SlotStatus, 0, count)
	for ordinal := range count {
		slot := v1alpha1.SlotStatus{
			Ordinal:     ordinal,
			InstanceIDs: s.names.In(known[ordinal].Lane).IDs(ordinal),
			Pod:         known[ordinal].Pod,
			Revision:    known[ordinal].Revision,
		}
		if slot.Pod == "" {
			slot.Revision = ""
		}
		var members []lag.Member
		if reading != nil {
			members = reading.MembersOf(slot.InstanceIDs)
		}
		if owned := lag.Owned(members); len(owned) > 0 {
			slot.Partitions = lag.Compact(owned)
			slot.Lag = slotLag(reading, owned, before[ordinal].Lag, due)
		}
		slot.Status = slotWord(s.pods, ordinal, known[ordinal], len(members) == len(slot.InstanceIDs))
		slot.Status += besideWord(p.State, ordinal)
		statuses = append(statuses, slot)
	}
	return statuses
}

// slotLag is the lag over what a slot's members own; nil if it is not known.
func slotLag(reading *lag.Reading, owned []lag.TopicPartition, before *int64, due bool) *int64 {
	if before != nil && !due {
		return before
	}
	behind, known := reading.LagOf(owned)
	if !known {
		return nil
	}
	behind = rounded(behind)
	return &behind
}

// slotWord is the state of a slot in a word, and what is wrong.
func slotWord(pods []rollout.Pod, ordinal int32, state v1alpha1.SlotState, listed bool) string {
	holder := podByUID(pods, state.Holder)
	if holder == nil {
		if state.Holder != "" {
			return "Lost"
		}
		if i := slices.IndexFunc(pods, func(p rollout.Pod) bool { return p.Ordinal == ordinal && !p.Ended && !p.Deleting }); i >= 0 {
			return waitingWord(pods[i])
		}
		return "Empty"
	}
	word := "Starting"
	switch {
	case holder.Ended:
		word = "Ended"
	case holder.Deleting:
		word = "Ending"
	case !holder.Activated:
		word = waitingWord(*holder)
	case holder.Running && listed:
		word = "Consuming"
	}
	if holder.Problem != "" && !strings.HasSuffix(word, holder.Problem) {
		word += ": " + holder.Problem
	}
	return word
}

// laneOf is the lane of ids that a pod was made for, and whether it was for one of its slot's.
func (s seen) laneOf(p podSeen) (lane string, known bool) {
	for _, lane := range []string{membership.Plain, membership.Second} {
		if p.InstanceID == s.names.In(lane).Base(p.Ordinal) {
			return lane, true
		}
	}
	return "", false
}

// besideWord is about the second pod of a slot; "" if it has none.
func besideWord(state v1alpha1.GroupState, ordinal int32) string {
	for _, b := range state.Beside {
		switch {
		case b.Ordinal != ordinal:
		case !b.Leaving:
			return fmt.Sprintf(", %s joins beside it", b.Pod)
		case b.Pod != "":
			return fmt.Sprintf(", %s leaves", b.Pod)
		default:
			return ", the ids of the pod before are being removed"
		}
	}
	return ""
}

// waitingWord is about a pod that was not activated.
func waitingWord(pod rollout.Pod) string {
	switch {
	case pod.Warm:
		return "Warm"
	case pod.Problem != "":
		return "Preparing: " + pod.Problem
	default:
		return "Preparing"
	}
}

func podByUID(pods []rollout.Pod, uid types.UID) *rollout.Pod {
	for i := range pods {
		if uid != "" && pods[i].UID == uid {
			return &pods[i]
		}
	}
	return nil
}
