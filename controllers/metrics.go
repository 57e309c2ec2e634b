package controllers

import (
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
)

var (
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
	rebalances = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "kohort_group_rebalances_total",
		Help: "Rebalances of the group that were seen: exact for groups of type consumer, at least so many for classic ones.",
	}, []string{"namespace", "name", "group"})
	restartSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "kohort_restart_seconds",
		Help:    "Until the first reading that shows a consumer as a member: from when the one before was told to stop (kind Stop), from its crash (Crash), or from its activation where nobody was before (Start).",
		Buckets: []float64{1, 2, 3, 5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600},
	}, []string{"kind"})
)

// stages of a rollout that are told apart in the metrics.
var stages = []v1alpha1.RolloutStage{
	v1alpha1.RolloutProgressing, v1alpha1.RolloutRollingBack, v1alpha1.RolloutRolledBack, v1alpha1.RolloutPaused,
}

func init() {
	metrics.Registry.MustRegister(lagMetrics, slotCount, rolloutStage, activations, restartSeconds, rebalances)
}

// measure tells the metrics what was seen and decided.
func measure(s seen, p plan) {
	namespace, name := s.group.Namespace, s.group.Name
	if !s.rebalances.Since.Equal(s.recalls.rebalances.Since) {
		s.recalls.rebalances = lag.Rebalances{} // they are counted anew
	}
	rebalances.WithLabelValues(namespace, name, s.group.GroupID()).Add(float64(max(0, s.rebalances.Count-s.recalls.rebalances.Count)))
	s.recalls.rebalances = s.rebalances
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
	for _, vec := range []*prometheus.GaugeVec{slotCount, rolloutStage} {
		vec.DeletePartialMatch(labels)
	}
	rebalances.DeletePartialMatch(labels)
}
