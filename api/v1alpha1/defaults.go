package v1alpha1

import "time"

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

// SettledFor is how long the gate must hold.
func (g Gate) SettledFor() time.Duration { return seconds(valueOr(g.SettledSeconds, 20)) }

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
