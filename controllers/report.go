package controllers

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/rollout"
)

const (
	// lagEvery is how often lag is written to the status.
	lagEvery = 30 * time.Second
	// textEvery is how often a status is written of which nothing but texts for
	// people has changed. What only counts on waits for lagEvery, if nothing is under
	// way.
	textEvery = 2 * time.Second
)

// report is the status to write: what was decided, and what there is to tell.
func report(s seen, p plan) v1alpha1.ConsumerGroupStatus {
	status := *s.group.Status.DeepCopy()
	old := &s.group.Status
	status.ObservedGeneration = s.group.Generation
	status.State = p.State
	status.Phase, status.Step, status.Message = p.Report.Phase, p.Report.Step, p.Report.Message
	status.Replicas, status.ReadyReplicas, status.UpdatedReplicas = p.Report.Active, p.Report.Ready, p.Report.Updated
	status.DesiredReplicas = p.Report.Desired
	status.Selector = v1alpha1.LabelGroup + "=" + s.group.Name
	status.StableRevision, status.UpdateRevision = p.State.Stable, s.revision
	if o := p.State.Override; o != nil {
		status.UpdateRevision = o.Revision
	}

	due := s.lagIsDue()
	reading, _ := s.window.Newest(s.now)
	status.GroupState, status.Partitions, status.Lag = "", 0, nil
	if reading != nil {
		status.GroupState, status.Partitions = reading.State, int32(len(reading.Partitions))
		if status.Lag = lagStatus(reading, s.now); status.Lag != nil && old.Lag != nil && !due {
			status.Lag = old.Lag
		}
	}
	status.Slots = slotStatuses(s, p, due)
	status.Scaling = scalingStatus(s, p, due)
	status.SessionTimeout = sessionStatus(s, p)
	status.Handover = handoverStatus(p)
	status.Rebalances = nil
	if n := s.rebalances; !n.Since.IsZero() {
		status.Rebalances = &v1alpha1.RebalanceStatus{Count: n.Count, Since: metav1.NewTime(n.Since.Truncate(time.Second)), Exact: n.Exact}
	}
	if s.uncertain != nil && s.stall == nil {
		status.Message = s.uncertain.Error() + "; " + status.Message
	}
	if s.stall != nil {
		status.Message = s.stall.message
		if p.Report.Message != "" && !s.stall.held {
			status.Message += "; " + p.Report.Message
		}
	}
	setConditions(s, p, &status)
	return status
}

// scalingStatus keeps the words that it has until the number changes or lag may
// be written again: they have the lag in them.
func scalingStatus(s seen, p plan, due bool) *v1alpha1.ScalingStatus {
	if p.scaling == nil {
		return nil
	}
	fresh := &v1alpha1.ScalingStatus{Desired: p.scaling.Desired, Limit: p.canOwn, Reason: p.scaling.Reason}
	old := s.group.Status.Scaling
	if old != nil && !due && old.Desired == fresh.Desired && equality.Semantic.DeepEqual(old.Limit, fresh.Limit) {
		return old
	}
	return fresh
}

// sessionStatus says which session timeout pods are given, and which have another one.
func sessionStatus(s seen, p plan) *v1alpha1.SessionStatus {
	if p.State.SessionSeconds == 0 {
		return nil
	}
	timeout, why := rollout.SessionOf(groupOf(s), p.State)
	if s.group.Spec.Membership.Consumer() { // the broker has one for the whole group
		if s.recalls.unconfigured != "" {
			why += "; the broker did not take it: " + s.recalls.unconfigured
		}
		return &v1alpha1.SessionStatus{Seconds: p.State.SessionSeconds, Reason: why}
	}
	active, others := 0, 0
	for _, pod := range s.pods {
		if pod.Activated && !pod.Ended {
			active++
			if pod.Session != timeout {
				others++
			}
		}
	}
	if others > 0 {
		why += fmt.Sprintf("; %d of %d pods were made with another one, which they keep", others, active)
	}
	return &v1alpha1.SessionStatus{Seconds: p.State.SessionSeconds, Reason: why}
}

// handoverStatus says how slots are handed over, and why.
func handoverStatus(p plan) *v1alpha1.HandoverStatus {
	if p.Report.Handover == "" {
		return nil
	}
	return &v1alpha1.HandoverStatus{Handover: p.Report.Handover, Reason: p.Report.Why}
}

// rounded keeps two digits of what is above 100.
func rounded(n int64) int64 {
	unit := int64(1)
	for n/unit >= 100 {
		unit *= 10
	}
	return n / unit * unit
}

// withFailure tells of what could not be done.
func withFailure(status v1alpha1.ConsumerGroupStatus, s seen, err error) v1alpha1.ConsumerGroupStatus {
	if err == nil {
		return status
	}
	status.Message = err.Error() + "; " + status.Message
	s.set(&status, v1alpha1.ConditionReady, no(v1alpha1.ReasonRepairing, status.Message))
	return status
}

// publish writes a status of which only the report may have changed, if there is
// any news.
func (r *ConsumerGroupReconciler) publish(ctx context.Context, s seen, p plan, status v1alpha1.ConsumerGroupStatus) error {
	old := s.group.Status
	if len(s.window) == 0 && len(old.Conditions) > 0 {
		return nil // nothing was read since the operator began: what was told before stands
	}
	if equality.Semantic.DeepEqual(old, status) {
		return nil
	}
	if s.now.Sub(s.recalls.reportedAt) < restOf(old, status, p.Report.Hurry) {
		return nil
	}
	if err := r.write(ctx, s, status); err != nil {
		return err
	}
	r.tell(s.group, news(s, status))
	return nil
}

// restOf is how long after the last one a status is written: at once, unless only
// texts for people differ; of which some differ in nothing but the numbers.
func restOf(old, status v1alpha1.ConsumerGroupStatus, hurry bool) time.Duration {
	none := func(string) string { return "" }
	words := func(text string) string {
		return strings.Map(func(r rune) rune {
			if unicode.IsDigit(r) {
				return -1
			}
			return r
		}, text)
	}
	switch {
	case !equality.Semantic.DeepEqual(withTexts(old, none), withTexts(status, none)):
		return 0
	case hurry || !equality.Semantic.DeepEqual(withTexts(old, words), withTexts(status, words)):
		return textEvery
	default:
		return lagEvery
	}
}

// lagIsDue says whether lag may be written again, known or not.
func (s seen) lagIsDue() bool {
	last := s.recalls.laggedAt
	if lag := s.group.Status.Lag; lag != nil && lag.ObservedAt.After(last) {
		last = lag.ObservedAt.Time
	}
	return s.now.Sub(last) >= lagEvery
}

// withTexts is a status with another version of what only people read.
func withTexts(status v1alpha1.ConsumerGroupStatus, version func(string) string) v1alpha1.ConsumerGroupStatus {
	status = *status.DeepCopy()
	status.Message = version(status.Message)
	for i := range status.Conditions {
		status.Conditions[i].Message = version(status.Conditions[i].Message)
	}
	for i := range status.Slots {
		status.Slots[i].Status = version(status.Slots[i].Status)
	}
	if status.Scaling != nil {
		status.Scaling.Reason = version(status.Scaling.Reason)
	}
	if status.Handover != nil {
		status.Handover.Reason = version(status.Handover.Reason)
	}
	if status.SessionTimeout != nil {
		status.SessionTimeout.Reason = version(status.SessionTimeout.Reason)
	}
	return status
}

// write writes the status, if nobody has changed the object since it was read.
func (r *ConsumerGroupReconciler) write(ctx context.Context, s seen, status v1alpha1.ConsumerGroupStatus) error {
	written := s.group.DeepCopy()
	written.Status = status
	if err := r.Client.Status().Update(ctx, written); err != nil {
		return fmt.Errorf("writing the status of ConsumerGroup %s/%s: %w", s.group.Namespace, s.group.Name, err)
	}
	s.recalls.reportedAt = s.now
	if s.lagIsDue() {
		s.recalls.laggedAt = s.now
	}
	return nil
}
