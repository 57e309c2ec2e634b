package controllers

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// note is an event to be.
type note struct {
	kind   string // corev1.EventTypeNormal or Warning
	reason string
	text   string
}

// action is what the events API calls what the controller did.
const action = "Reconcile"

// maxNote is how long the API server lets a note be, in bytes.
const maxNote = 1024

func (r *ConsumerGroupReconciler) tell(group *v1alpha1.ConsumerGroup, notes []note) {
	for _, n := range notes {
		r.Recorder.Eventf(group, nil, n.kind, n.reason, action, "%s", shortened(n.text, maxNote))
	}
}

// shortened cuts a text that has more than so many bytes.
func shortened(text string, most int) string {
	const more = "…"
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most-len(more)], "") + more
}

func (r *ConsumerGroupReconciler) note(group *v1alpha1.ConsumerGroup, reason, format string, args ...any) {
	r.tell(group, []note{{corev1.EventTypeNormal, reason, fmt.Sprintf(format, args...)}})
}

func (r *ConsumerGroupReconciler) warn(group *v1alpha1.ConsumerGroup, reason, format string, args ...any) {
	r.tell(group, []note{{corev1.EventTypeWarning, reason, fmt.Sprintf(format, args...)}})
}

func normal(reason, format string, args ...any) note {
	return note{corev1.EventTypeNormal, reason, fmt.Sprintf(format, args...)}
}

func warning(reason, format string, args ...any) note {
	return note{corev1.EventTypeWarning, reason, fmt.Sprintf(format, args...)}
}

// transitions are the events of a change of the state. The state is written with
// optimistic locking, so each is told once.
func transitions(s seen, p plan) []note {
	old, now := s.group.Status.State, p.State
	var notes []note
	switch {
	case old.Size == nil && now.Size != nil:
		notes = append(notes, normal("Started", "starting with %d slots of revision %s", *now.Size, now.Stable))
	case old.Size != nil && now.Size != nil && *old.Size != *now.Size:
		why := "spec.replicas"
		if p.scaling != nil {
			why = p.scaling.Reason
		}
		notes = append(notes, normal("Scaled", "from %d to %d slots: %s", *old.Size, *now.Size, why))
	}
	notes = append(notes, commandNotes(old, now)...)
	notes = append(notes, rolloutNotes(old, now)...)
	return append(notes, slotNotes(old, now)...)
}

// commandNotes tell what was answered.
func commandNotes(old, now v1alpha1.GroupState) []note {
	var notes []note
	for _, c := range now.Commands {
		switch {
		case slices.Contains(old.Commands, c):
		case c.Refused != "":
			notes = append(notes, warning("CommandRefused", "%s=%s is refused: %s", c.Name, c.Value, c.Refused))
		default:
			notes = append(notes, normal("CommandAccepted", "%s=%s", c.Name, c.Value))
		}
	}
	return notes
}

func rolloutNotes(old, now v1alpha1.GroupState) []note {
	was, is := old.Rollout, now.Rollout
	switch {
	case is != nil && (was == nil || was.To != is.To || was.StartedAt != is.StartedAt):
		return []note{normal("RolloutStarted", "rolling out revision %s, from %s", is.To, is.From)}
	case was != nil && is == nil && now.Stable == was.To && old.Stable != now.Stable:
		return []note{normal("RolloutSucceeded", "all slots run revision %s", was.To)}
	case was != nil && is == nil && was.Stage == v1alpha1.RolloutRollingBack:
		return []note{normal("RolledBack", "all slots run revision %s again", now.Stable)}
	case was == nil || is == nil || was.Stage == is.Stage:
		return nil
	}
	switch is.Stage {
	case v1alpha1.RolloutRollingBack:
		if is.Failure == "" {
			return []note{normal("RollingBack", "going back to revision %s: the template asks for it", now.Stable)}
		}
		return []note{warning("RolloutFailed", "rolling back from %s to %s: %s", is.To, is.From, is.Failure)}
	case v1alpha1.RolloutPaused:
		return []note{warning("RolloutFailed", "stopped at revision %s as it stands: %s", is.To, is.Failure)}
	case v1alpha1.RolloutRolledBack:
		return []note{warning("RolledBack", "all slots run revision %s again; %s failed: %s", now.Stable, is.To, is.Failure)}
	}
	return nil
}

func slotNotes(old, now v1alpha1.GroupState) []note {
	before := map[int32]v1alpha1.SlotState{}
	for _, slot := range old.Slots {
		before[slot.Ordinal] = slot
	}
	var notes []note
	for _, slot := range now.Slots {
		was := before[slot.Ordinal]
		switch {
		case was.Holder != "" && was.LostSince == nil && slot.LostSince != nil:
			notes = append(notes, warning("PodLost", "pod %s of slot %d is gone and nobody saw it end", was.Pod, slot.Ordinal))
		case was.RetryAt == nil && slot.RetryAt != nil:
			notes = append(notes, warning("LeftOut", "slot %d is left out of the group until %s, so that the others take its partitions over: %s",
				slot.Ordinal, slot.RetryAt.UTC().Format(time.RFC3339), slot.Failure))
		case slot.Holder != "" && slot.Holder != was.Holder && was.Revision != "" && was.Revision != slot.Revision:
			notes = append(notes, normal("SlotHandedOver", "slot %d goes from revision %s to %s, pod %s", slot.Ordinal, was.Revision, slot.Revision, slot.Pod))
		}
	}
	return notes
}

// news are the events of a change of the report.
func news(s seen, status v1alpha1.ConsumerGroupStatus) []note {
	var notes []note
	was := meta.FindStatusCondition(s.group.Status.Conditions, v1alpha1.ConditionStalled)
	is := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionStalled)
	// A failed rollout is told as the transition of the state that it is.
	told := is != nil && (is.Reason == v1alpha1.ReasonRolledBack || is.Reason == v1alpha1.ReasonRolloutPaused)
	if is != nil && !told && (was == nil || was.Reason != is.Reason) {
		notes = append(notes, warning(is.Reason, "%s", is.Message))
	}
	for _, told := range []struct{ kind, reason string }{
		{v1alpha1.ConditionAvailable, v1alpha1.ReasonIdleSlots},
		{v1alpha1.ConditionRetentionSafe, v1alpha1.ReasonRunwayShort},
		{v1alpha1.ConditionRetentionSafe, v1alpha1.ReasonRecordsLost},
	} {
		was = meta.FindStatusCondition(s.group.Status.Conditions, told.kind)
		is = meta.FindStatusCondition(status.Conditions, told.kind)
		if is != nil && is.Reason == told.reason && (was == nil || was.Reason != is.Reason) {
			notes = append(notes, warning(is.Reason, "%s", is.Message))
		}
	}
	return append(notes, newsOfClients(s, status)...)
}

// newsOfClients tells of a finding once, also when the group cannot be read in between.
func newsOfClients(s seen, status v1alpha1.ConsumerGroupStatus) []note {
	was := meta.FindStatusCondition(s.group.Status.Conditions, v1alpha1.ConditionClientsConform)
	is := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionClientsConform)
	told := &s.recalls.toldOfClients
	if was != nil && *told == "" && was.Status == metav1.ConditionFalse {
		*told = was.Reason
	}
	switch {
	case is == nil || is.Status == metav1.ConditionUnknown:
		return nil
	case is.Status == metav1.ConditionTrue:
		*told = ""
		return nil
	case is.Reason == *told:
		return nil
	}
	*told = is.Reason
	return []note{warning(is.Reason, "%s", is.Message)}
}
