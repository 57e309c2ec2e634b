package controllers

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
	"github.com/kohort-dev/kohort/internal/rollout"
)

var (
	lagRecords = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "kohort_group_lag",
		Help: "Records that the group has not committed yet. Absent while unknown.",
	}, []string{"namespace", "name", "group"})
	slotCount = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "kohort_group_slots",
		Help: "Slots of the group: desired, active (with an activated pod), ready (a member with each of its consumers), updated (with the revision of the template).",
	}, []string{"namespace", "name", "state"})
	rolloutStage = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "kohort_group_rollout_stage",
		Help: "1 for the stage of the rollout that runs, or of the last one if it did not succeed.",
	}, []string{"namespace", "name", "stage"})
	activations = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "kohort_activations_total",
		Help: "Pods activated, by what reached them first: endpoint (the answer to their open request) or annotation.",
	}, []string{"by"})
	handoverSeconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "kohort_handover_seconds",
		Help:    "From the deletion of a slot's holder to the first reading that shows its successor as a member.",
		Buckets: []float64{0.25, 0.5, 1, 2, 3, 5, 10, 20, 45, 90, 300},
	})
)

// stages of a rollout that are told apart in the metrics.
var stages = []v1alpha1.RolloutStage{
	v1alpha1.RolloutProgressing, v1alpha1.RolloutRollingBack, v1alpha1.RolloutRolledBack, v1alpha1.RolloutPaused,
}

func init() {
	metrics.Registry.MustRegister(lagRecords, slotCount, rolloutStage, activations, handoverSeconds)
}

// measure tells the metrics what was seen and decided.
func measure(s seen, p plan) {
	namespace, name := s.group.Namespace, s.group.Name
	reading, _ := s.window.Newest(s.now)
	total, known := int64(0), false
	if reading != nil {
		total, _, known = reading.Lag()
		s.handoversDone(p.State, reading)
	}
	if known {
		lagRecords.WithLabelValues(namespace, name, s.group.GroupID()).Set(float64(total))
	} else {
		lagRecords.DeleteLabelValues(namespace, name, s.group.GroupID())
	}
	for state, n := range map[string]int32{
		"desired": p.Report.Desired, "active": p.Report.Active, "ready": p.Report.Ready, "updated": p.Report.Updated,
	} {
		slotCount.WithLabelValues(namespace, name, state).Set(float64(n))
	}
	for _, stage := range stages {
		value := 0.0
		if p.State.Rollout != nil && p.State.Rollout.Stage == stage {
			value = 1
		}
		rolloutStage.WithLabelValues(namespace, name, string(stage)).Set(value)
	}
}

func forgetMetrics(key types.NamespacedName) {
	labels := prometheus.Labels{"namespace": key.Namespace, "name": key.Name}
	for _, vec := range []*prometheus.GaugeVec{lagRecords, slotCount, rolloutStage} {
		vec.DeletePartialMatch(labels)
	}
}

// noteStop remembers when the holder of a slot that stays was stopped.
func (s seen) noteStop(a rollout.Action) {
	state := s.group.Status.State
	holds := slices.ContainsFunc(state.Slots, func(slot v1alpha1.SlotState) bool {
		return slot.Ordinal == a.Ordinal && slot.Holder == a.UID
	})
	if holds && state.Size != nil && a.Ordinal < *state.Size {
		s.recalls.stopped[a.Ordinal] = stop{holder: a.UID, at: s.now}
	}
}

// handoversDone measures the handovers whose successors a reading shows.
func (s seen) handoversDone(state v1alpha1.GroupState, reading *lag.Reading) {
	for _, slot := range state.Slots {
		stopped, ok := s.recalls.stopped[slot.Ordinal]
		if !ok || slot.Holder == "" || slot.Holder == stopped.holder {
			continue
		}
		joined := rollout.Joined(s.names.IDs(slot.Ordinal), slot.MemberBefore, reading)
		if joined && reading.At.After(slot.Since.Time) {
			handoverSeconds.Observe(reading.At.Sub(stopped.at).Seconds())
			delete(s.recalls.stopped, slot.Ordinal)
		}
	}
}
