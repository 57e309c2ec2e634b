package controllers

import (
	"context"
	"fmt"
	"strconv"
	"time"

	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/kafka"
)

const (
	// configureAgain is when the configuration of a group is set again, which somebody may
	// have changed.
	configureAgain = 5 * time.Minute
	// configureRetry is the same after a refusal.
	configureRetry = 30 * time.Second
)

// configureGroup sets the timeouts of a group of type consumer, which are the broker's to
// keep. A refusal keeps nothing else from happening: then those of the broker hold.
func (r *ConsumerGroupReconciler) configureGroup(ctx context.Context, s seen, p plan) {
	membership := &s.group.Spec.Membership
	if !membership.Consumer() || p.State.SessionSeconds == 0 || !s.group.DeletionTimestamp.IsZero() || s.stall.holdsStill() {
		return
	}
	if reading, _ := s.window.Newest(s.now); reading == nil {
		return // the broker is hardly to be reached
	}
	config := map[string]string{
		kafka.ConfigSessionTimeout:    strconv.Itoa(int(p.State.SessionSeconds) * 1000),
		kafka.ConfigHeartbeatInterval: strconv.FormatInt(membership.Heartbeat().Milliseconds(), 10),
	}
	told, again := fmt.Sprint(config), configureAgain // its keys are sorted
	if s.recalls.unconfigured != "" {
		again = configureRetry
	}
	if told == s.recalls.configured && s.now.Sub(s.recalls.configuredAt) < again {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, kafkaTimeout)
	defer cancel()
	err := r.Clusters.SetGroupConfig(ctx, clusterKey(s.group), s.group.GroupID(), config)
	before, outcome := s.recalls.unconfigured, ""
	if err != nil {
		outcome = err.Error()
	}
	changed := told != s.recalls.configured || outcome != before
	s.recalls.configured, s.recalls.configuredAt, s.recalls.unconfigured = told, s.now, outcome
	switch {
	case !changed:
	case err != nil:
		r.warn(s.group, "GroupNotConfigured", "the session timeout stays the broker's own: %v", err)
	default:
		logf.FromContext(ctx).Info("Configured group", "group", s.group.GroupID(), "config", told)
	}
}

// unconfigureGroup removes what configureGroup has set, as far as Kafka allows.
func (r *ConsumerGroupReconciler) unconfigureGroup(ctx context.Context, group *v1alpha1.ConsumerGroup) {
	if !group.Spec.Membership.Consumer() || !letIn(group) {
		return // the group may be somebody else's
	}
	ctx, cancel := context.WithTimeout(ctx, kafkaTimeout)
	defer cancel()
	if err := r.Clusters.SetGroupConfig(ctx, clusterKey(group), group.GroupID(), nil); err != nil {
		logf.FromContext(ctx).Info("Left the group's configuration at the broker", "group", group.GroupID(), "reason", err.Error())
	}
}
