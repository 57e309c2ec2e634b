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

// configureAgain is when the configuration of a group is set again: somebody may have
// changed it, or refused it for a reason that is gone.
const configureAgain = 5 * time.Minute

// configureGroup sets the timeouts of a group of type consumer, which are the broker's to
// keep. A refusal keeps nothing else from happening: then those of the broker hold.
func (r *ConsumerGroupReconciler) configureGroup(ctx context.Context, s seen, p plan) {
	membership := &s.group.Spec.Membership
	if !membership.Consumer() || p.State.SessionSeconds == 0 || !s.group.DeletionTimestamp.IsZero() || s.stall.holdsStill() {
		return
	}
	config := map[string]string{kafka.ConfigSessionTimeout: strconv.Itoa(int(p.State.SessionSeconds) * 1000)}
	if membership.HeartbeatSeconds != nil {
		config[kafka.ConfigHeartbeatInterval] = strconv.FormatInt(membership.Heartbeat().Milliseconds(), 10)
	}
	told := fmt.Sprint(config) // its keys are sorted
	if told == s.recalls.configured && s.now.Sub(s.recalls.configuredAt) < configureAgain {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, kafkaTimeout)
	defer cancel()
	err := r.Clusters.SetGroupConfig(ctx, clusterKey(s.group), s.group.GroupID(), config)
	first := told != s.recalls.configured
	s.recalls.configured, s.recalls.configuredAt = told, s.now
	switch {
	case !first:
	case err != nil:
		r.warn(s.group, "GroupNotConfigured", "the session timeout stays the broker's own: %v", err)
	default:
		logf.FromContext(ctx).Info("Configured group", "group", s.group.GroupID(), "session", config[kafka.ConfigSessionTimeout])
	}
}

// unconfigureGroup removes what configureGroup has set, as far as Kafka allows.
func (r *ConsumerGroupReconciler) unconfigureGroup(ctx context.Context, group *v1alpha1.ConsumerGroup) {
	if !group.Spec.Membership.Consumer() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, kafkaTimeout)
	defer cancel()
	if err := r.Clusters.SetGroupConfig(ctx, clusterKey(group), group.GroupID(), nil); err != nil {
		logf.FromContext(ctx).Info("Left the group's configuration at the broker", "group", group.GroupID(), "reason", err.Error())
	}
}
