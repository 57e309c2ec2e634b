package controllers

import (
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
)

var (
	lagRecords = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "kohort_group_lag",
		Help: "Records that the group has not committed yet. Absent while unknown.",
	}, []string{"namespace", "name", "group"})
	oldestRecord = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "kohort_group_oldest_record_age_seconds",
		Help: "For how long the oldest record that waits for the group has been there, estimated from how its log was seen to grow. 0 if none waits; absent while unknown.",
	}, []string{"namespace", "name", "group"})
	groupStatus = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "kohort_group_status",
		Help: "1 for how the group does as Burrow judges it: UNKNOWN, OK, WARN or ERR. Absent while it is not read.",
	}, []string{"namespace", "name", "group", "status"})
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
	metrics.Registry.MustRegister(lagRecords, oldestRecord, groupStatus, slotCount, rolloutStage, activations, restartSeconds, rebalances)
}

// measure tells the metrics what was seen and decided.
func measure(s seen, p plan) {
	namespace, name := s.group.Namespace, s.group.Name
	measureLag(s)
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

// measureLag tells the metrics how far behind the group is, as far as that is known.
func measureLag(s seen) {
	labels := prometheus.Labels{"namespace": s.group.Namespace, "name": s.group.Name, "group": s.group.GroupID()}
	gauge := func(vec *prometheus.GaugeVec, value float64, known bool) {
		if known {
			vec.With(labels).Set(value)
		} else {
			vec.Delete(labels)
		}
	}
	reading, _ := s.window.Newest(s.now)
	if reading == nil {
		reading = &lag.Reading{} // of which nothing is known
		groupStatus.DeletePartialMatch(labels)
	} else {
		is := reading.Status()
		for _, status := range []lag.Status{lag.StatusUnknown, lag.StatusOK, lag.StatusWarn, lag.StatusErr} {
			value := 0.0
			if status == is {
				value = 1
			}
			groupStatus.MustCurryWith(labels).WithLabelValues(status.String()).Set(value)
		}
	}
	total, _, known := reading.Lag()
	gauge(lagRecords, float64(total), known)
	age, known := reading.Age(s.now)
	gauge(oldestRecord, age.Seconds(), known)
}

func forgetMetrics(key types.NamespacedName) {
	labels := prometheus.Labels{"namespace": key.Namespace, "name": key.Name}
	for _, vec := range []*prometheus.GaugeVec{lagRecords, oldestRecord, groupStatus, slotCount, rolloutStage} {
		vec.DeletePartialMatch(labels)
	}
	rebalances.DeletePartialMatch(labels)
}
