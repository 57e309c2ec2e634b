package controllers

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// maxMessage is how long the message of a condition may become, in bytes: the API server
// takes 32,768, and there are nine of them.
const maxMessage = 8 << 10

// setConditions sets all conditions from what was seen and decided.
func setConditions(s seen, p plan, status *v1alpha1.ConsumerGroupStatus) {
	s.set(status, v1alpha1.ConditionReady, readyOf(s, p, status.Message))
	stalled := stalledOf(s, p)
	moving := ""
	if stalled == "" {
		moving = movingReason(p.Report.Phase)
	}
	s.setIf(status, v1alpha1.ConditionStalled, stalled)
	s.setIf(status, v1alpha1.ConditionReconciling, moving)
	if !s.group.DeletionTimestamp.IsZero() {
		for _, kind := range []string{v1alpha1.ConditionAvailable, v1alpha1.ConditionSettled, v1alpha1.ConditionLagHealthy, v1alpha1.ConditionRetentionSafe, v1alpha1.ConditionClientsConform, v1alpha1.ConditionScalingActive} {
			meta.RemoveStatusCondition(&status.Conditions, kind)
		}
		return
	}
	s.set(status, v1alpha1.ConditionAvailable, availableOf(s, p))
	s.set(status, v1alpha1.ConditionSettled, settledOf(s, p))
	s.set(status, v1alpha1.ConditionLagHealthy, lagHealthyOf(s, p))
	s.set(status, v1alpha1.ConditionRetentionSafe, retentionSafeOf(s, p))
	s.set(status, v1alpha1.ConditionClientsConform, clientsConformOf(s, p))
	if s.group.Spec.Scaling == nil {
		meta.RemoveStatusCondition(&status.Conditions, v1alpha1.ConditionScalingActive)
	} else {
		s.set(status, v1alpha1.ConditionScalingActive, scalingActiveOf(s, p, status.Scaling))
	}
}

func (s seen) set(status *v1alpha1.ConsumerGroupStatus, kind string, c metav1.Condition) {
	c.Message = shortened(c.Message, maxMessage)
	c.Type, c.ObservedGeneration, c.LastTransitionTime = kind, s.group.Generation, metav1.NewTime(s.now)
	meta.SetStatusCondition(&status.Conditions, c)
}

// setIf: abnormal conditions are absent when they are false.
func (s seen) setIf(status *v1alpha1.ConsumerGroupStatus, kind, reason string) {
	if reason == "" {
		meta.RemoveStatusCondition(&status.Conditions, kind)
		return
	}
	s.set(status, kind, yes(reason, status.Message))
}

func yes(reason, message string) metav1.Condition {
	return metav1.Condition{Status: metav1.ConditionTrue, Reason: reason, Message: message}
}

func no(reason, message string) metav1.Condition {
	return metav1.Condition{Status: metav1.ConditionFalse, Reason: reason, Message: message}
}

func unknown(reason, message string) metav1.Condition {
	return metav1.Condition{Status: metav1.ConditionUnknown, Reason: reason, Message: message}
}

// readyOf is the first of these that applies.
func readyOf(s seen, p plan, message string) metav1.Condition {
	r := p.Report
	if reason := stalledOf(s, p); reason != "" {
		return no(reason, message)
	}
	switch {
	case !s.group.DeletionTimestamp.IsZero():
		return no(v1alpha1.ReasonDeleting, message)
	case len(s.lingering) > 0:
		return no(v1alpha1.ReasonPodNotEnding, listed(s.lingering))
	case len(s.failing) > 0:
		return no(v1alpha1.ReasonPodsNotStarting, listed(s.failing))
	case r.Phase == v1alpha1.PhasePaused && heldBack(p):
		return no(v1alpha1.ReasonPaused, message)
	}
	if reason := movingReason(r.Phase); reason != "" {
		return no(reason, message)
	}
	switch {
	case r.Unknown != "":
		return unknown(v1alpha1.ReasonNoReading, unread(s, r.Unknown))
	case r.Settled != "":
		return no(notSettled(s), r.Settled)
	}
	return yes(v1alpha1.ReasonRunning, message)
}

// listed are the first of some problems, and how many others there are: a condition has no
// room for those of a thousand pods.
func listed(problems []string) string {
	const most = 5
	if more := len(problems) - most; more > 0 {
		return strings.Join(problems[:most], "; ") + fmt.Sprintf("; and %d more", more)
	}
	return strings.Join(problems, "; ")
}

// heldBack says whether a pause keeps anything from happening.
func heldBack(p plan) bool {
	return p.State.Size == nil || *p.State.Size != p.Report.Desired || p.State.Rollout != nil || p.Report.Updated < p.Report.Active
}

// stalledOf is why nothing goes on until a person changes something; "" if it
// does.
func stalledOf(s seen, p plan) string {
	if !s.group.DeletionTimestamp.IsZero() {
		return ""
	}
	if s.stall != nil {
		return s.stall.reason
	}
	if p.State.Override != nil && p.State.Rollout == nil && p.State.Move == nil {
		return v1alpha1.ReasonRolledBack // by a person
	}
	if rollout := p.State.Rollout; rollout != nil && rollout.Failure != "" { // or it is about to be tried again
		switch rollout.Stage {
		case v1alpha1.RolloutRolledBack:
			return v1alpha1.ReasonRolledBack
		case v1alpha1.RolloutPaused:
			return v1alpha1.ReasonRolloutPaused
		}
	}
	return ""
}

// movingReason is what is under way; "" if nothing is.
func movingReason(phase v1alpha1.Phase) string {
	switch phase {
	case v1alpha1.PhasePending:
		return v1alpha1.ReasonStarting
	case v1alpha1.PhaseScaling:
		return v1alpha1.ReasonScaling
	case v1alpha1.PhaseMovingOffsets:
		return v1alpha1.ReasonMovingOffsets
	case v1alpha1.PhaseRestarting:
		return v1alpha1.ReasonRestarting
	case v1alpha1.PhaseRollingOut:
		return v1alpha1.ReasonRollingOut
	case v1alpha1.PhaseRollingBack:
		return v1alpha1.ReasonRollingBack
	case v1alpha1.PhaseDegraded:
		return v1alpha1.ReasonRepairing
	case v1alpha1.PhaseDeleting:
		return v1alpha1.ReasonDeleting
	}
	return ""
}

func availableOf(s seen, p plan) metav1.Condition {
	budget, size := s.group.Spec.Rollout.Budget(), int32(0)
	if p.State.Size != nil {
		size = *p.State.Size
	}
	switch {
	case p.State.Size == nil:
		return no(v1alpha1.ReasonTooFew, "the group has not started yet")
	case !p.Report.Available:
		return no(v1alpha1.ReasonTooFew, fmt.Sprintf("of %d slots more than %d, or all, do not consume", size, budget))
	}
	if idle := p.idle(s); idle != "" {
		return yes(v1alpha1.ReasonIdleSlots, idle)
	}
	return yes(v1alpha1.ReasonEnough, fmt.Sprintf("at most %d of %d slots do not consume", budget, size))
}

func settledOf(s seen, p plan) metav1.Condition {
	switch {
	case p.Report.Unknown != "":
		return unknown(v1alpha1.ReasonNoReading, unread(s, p.Report.Unknown))
	case p.Report.Settled != "":
		return no(notSettled(s), p.Report.Settled)
	}
	return yes(v1alpha1.ReasonSettled, "the group is stable, each partition has an owner, each active slot is a member")
}

func clientsConformOf(s seen, p plan) metav1.Condition {
	r := p.Report
	switch {
	case r.Unknown != "":
		return unknown(v1alpha1.ReasonNoReading, unread(s, r.Unknown))
	case len(r.Findings) > 0:
		var texts []string
		for _, f := range r.Findings {
			texts = append(texts, f.Text)
		}
		return no(r.Findings[0].Reason, strings.Join(texts, "; "))
	case r.Differs != "":
		return yes(v1alpha1.ReasonOwnershipDiffers, r.Differs)
	}
	return yes(v1alpha1.ReasonConform, "the consumers behave as the spec says")
}

func notSettled(s seen) string {
	if reading, _ := s.window.Newest(s.now); reading != nil && len(reading.MissingTopics) > 0 {
		return v1alpha1.ReasonUnknownTopic
	}
	return v1alpha1.ReasonNotSettled
}

// unread says why there is no reading, and since when. It names a time and no
// duration, so that it stays the same.
func unread(s seen, why string) string {
	if last := s.window.Said(); last != nil {
		return fmt.Sprintf("the group was last read at %s: %s", last.At.UTC().Format(time.RFC3339), why)
	}
	return "the group has not been read since the operator began to: " + why
}

func scalingActiveOf(s seen, p plan, said *v1alpha1.ScalingStatus) metav1.Condition {
	switch {
	case p.scaling == nil:
		return no(v1alpha1.ReasonStarting, fmt.Sprintf("the group starts with %d slots", p.Report.Desired))
	case s.group.Spec.Paused:
		return no(v1alpha1.ReasonPaused, "spec.paused is set")
	case p.scaling.Active:
		return yes(v1alpha1.ReasonLagDecides, said.Reason)
	case p.Report.Unknown != "":
		return no(v1alpha1.ReasonNoReading, unread(s, p.Report.Unknown))
	case notSettled(s) == v1alpha1.ReasonUnknownTopic:
		return no(v1alpha1.ReasonUnknownTopic, p.scaling.Reason+": a topic does not exist")
	}
	return no(v1alpha1.ReasonNoReading, p.scaling.Reason)
}
