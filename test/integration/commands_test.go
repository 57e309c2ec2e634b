package integration

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// annotate is what kubectl annotate --overwrite does.
func (w *world) annotate(name, value string) {
	w.change("orders", func(g *v1alpha1.ConsumerGroup) { metav1.SetMetaDataAnnotation(&g.ObjectMeta, name, value) })
}

// TestAbortAndRetry: a canary is called off by an annotation, is tried again by the one that
// the message names, and goes to its end by another.
func TestAbortAndRetry(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(2, oneSlotFirst)
	w.comesUp("orders")
	stable := w.read("orders").Status.StableRevision
	w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Template = template(image + "0") })
	waits := func() bool { return strings.Contains(w.read("orders").Status.Message, "waiting to be promoted") }
	w.until("the canary waits for a person", waits)
	update := w.read("orders").Status.UpdateRevision

	w.annotate(v1alpha1.AnnotationAbort, "another")
	w.until("an abort of something else is refused", func() bool {
		return strings.Contains(w.read("orders").Status.Message, "the annotation kohort.dev/abort=another is refused: the rollout is to revision "+update)
	})
	w.annotate(v1alpha1.AnnotationAbort, update)
	w.until("the canary is taken back", func() bool {
		s := w.read("orders").Status
		return s.Phase == v1alpha1.PhaseDegraded && s.UpdatedReplicas == 0 && s.StableRevision == stable && s.ReadyReplicas == 2 &&
			strings.Contains(s.Message, "set the annotation "+v1alpha1.AnnotationRetry+"="+update+"-2 to try it again")
	})
	w.annotate(v1alpha1.AnnotationRetry, update+"-2")
	w.until("it is tried again", waits)
	w.annotate(v1alpha1.AnnotationPromoteFull, update)
	w.until("all slots run it", func() bool {
		s := w.read("orders").Status
		return s.StableRevision == update && s.UpdatedReplicas == 2 && s.ReadyReplicas == 2 && s.Phase == v1alpha1.PhaseRunning
	})
}

// TestRestart: every pod is replaced by another one of its revision, and the spec is as the
// user wrote it.
func TestRestart(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(2)
	w.comesUp("orders")
	before := map[string]bool{}
	for _, pod := range w.pods() {
		before[pod.Name] = true
	}
	group := w.read("orders")
	// The API server notes in whole seconds when a pod was made.
	w.annotate(v1alpha1.AnnotationRestart, time.Now().Add(time.Second).UTC().Format(time.RFC3339))
	w.until("both pods are others", func() bool {
		pods := w.pods()
		for _, pod := range pods {
			if before[pod.Name] {
				return false
			}
		}
		s := w.read("orders").Status
		return len(pods) == 2 && s.Phase == v1alpha1.PhaseRunning && s.ReadyReplicas == 2
	})
	now := w.read("orders")
	if now.Status.StableRevision != group.Status.StableRevision || now.Generation != group.Generation {
		t.Errorf("a restart changed the revision or the spec")
	}
}

// TestPauseByAnnotation: a release stands still while the annotation is there.
func TestPauseByAnnotation(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(2)
	w.comesUp("orders")
	w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Template = template(image + "0") })
	w.until("a slot runs the release", func() bool { return w.read("orders").Status.UpdatedReplicas == 1 })
	w.annotate(v1alpha1.AnnotationPause, w.read("orders").Status.UpdateRevision)
	w.until("it is paused", func() bool {
		s := w.read("orders").Status
		ready := false
		for _, c := range s.Conditions {
			ready = ready || c.Type == v1alpha1.ConditionReady && c.Reason == v1alpha1.ReasonPaused
		}
		return s.Phase == v1alpha1.PhasePaused && ready && strings.Contains(s.Message, v1alpha1.AnnotationPause)
	})
	w.change("orders", func(g *v1alpha1.ConsumerGroup) { delete(g.Annotations, v1alpha1.AnnotationPause) })
	w.until("it goes on", func() bool {
		s := w.read("orders").Status
		return s.StableRevision == s.UpdateRevision && s.UpdatedReplicas == 2
	})
}

// TestRolloutRecords: what became of a release is written down, and the last ten are kept.
func TestRolloutRecords(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(2)
	w.comesUp("orders")
	from := w.read("orders").Status.StableRevision
	w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Template = template(image + "0") })
	w.until("the release is through", func() bool {
		s := w.read("orders").Status
		return s.StableRevision == s.UpdateRevision && s.StableRevision != from && s.Phase == v1alpha1.PhaseRunning
	})
	group := w.read("orders")
	record := w.rolloutRecord("orders-1")
	if r := record.Spec; r.Group != "orders" || r.From != from || r.To != group.Status.StableRevision || r.Strategy != v1alpha1.StrategyRolling || r.Attempt != 1 || r.RequestedBy == "" {
		t.Errorf("the record is of %+v", r)
	}
	if s := record.Status; s.Result != v1alpha1.RolloutSucceeded || s.FinishedAt == nil || s.Rebalances == nil || len(s.Phases) != 2 {
		t.Errorf("what became of it is %+v", s)
	}
	if !metav1.IsControlledBy(record, group) {
		t.Error("the record stays when its group is deleted")
	}

	w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Template = template(image + "1") })
	w.until("another one is under way", func() bool { return w.rolloutRecord("orders-2") != nil })
	w.annotate(v1alpha1.AnnotationAbort, w.read("orders").Status.UpdateRevision)
	w.until("it is taken back", func() bool {
		s := w.rolloutRecord("orders-2").Status
		return s.Result == v1alpha1.RolloutWasRolledBack && strings.Contains(s.Message, v1alpha1.AnnotationAbort) && s.FinishedAt != nil
	})
}

// rolloutRecord is one; nil if there is none of the name.
func (w *world) rolloutRecord(name string) *v1alpha1.RolloutRecord {
	record := &v1alpha1.RolloutRecord{}
	err := w.client.Get(context.Background(), client.ObjectKey{Namespace: w.namespace, Name: name}, record)
	if apierrors.IsNotFound(err) {
		return nil
	}
	w.must(err)
	return record
}

// TestRefusedWaysBack: what is no record of the group is refused, and nothing happens.
func TestRefusedWaysBack(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	w.group(1)
	w.comesUp("orders")
	for _, c := range []struct{ name, value, says string }{
		{v1alpha1.AnnotationRollback, "orders-9", "there is no RolloutRecord orders-9: kubectl get rolloutrecords -l kohort.dev/group=orders"},
		{v1alpha1.AnnotationRollback, "Not A Name", "there is no RolloutRecord Not A Name"},
		{v1alpha1.AnnotationRollback, "orders-9,offsets=all", "it is neither RECORD nor RECORD,offsets=boundary"},
		{v1alpha1.AnnotationResetOffsets, "yesterday", "it is neither earliest, latest, nor a time such as 2026-11-26T18:00:00Z, and there is no RolloutRecord yesterday"},
	} {
		w.annotate(c.name, c.value)
		w.until("the command is refused: "+c.value, func() bool {
			return strings.Contains(w.read("orders").Status.Message, "the annotation "+c.name+"="+c.value+" is refused: "+c.says)
		})
		w.change("orders", func(g *v1alpha1.ConsumerGroup) { delete(g.Annotations, c.name) })
	}
	if s := w.read("orders").Status; s.ReadyReplicas != 1 || s.State.Move != nil || s.State.Override != nil {
		t.Errorf("%+v", s)
	}
}

// TestConfigIsPartOfTheRevision: where that is asked for, another content of a ConfigMap that
// the template names is a release, and the same as before is none.
func TestConfigIsPartOfTheRevision(t *testing.T) {
	w := newWorld(t)
	w.kafkaCluster()
	config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "settings", Namespace: w.namespace}, Data: map[string]string{"LEVEL": "1"}}
	w.must(w.client.Create(context.Background(), config))
	w.group(1, func(g *v1alpha1.ConsumerGroup) {
		g.Spec.Rollout.IncludeConfig = true
		raw := strings.Replace(string(g.Spec.Template.Raw), `"containers":[{`, `"containers":[{"envFrom":[{"configMapRef":{"name":"settings"}}],`, 1)
		g.Spec.Template.Raw = []byte(raw)
	})
	w.comesUp("orders")
	before := w.read("orders").Status.StableRevision
	config.Data["LEVEL"] = "2"
	w.must(w.client.Update(context.Background(), config))
	w.until("the release is through", func() bool {
		s := w.read("orders").Status
		return s.StableRevision != before && s.UpdatedReplicas == 1 && s.ReadyReplicas == 1 && s.Phase == v1alpha1.PhaseRunning
	})
	record := w.rolloutRecord("orders-1")
	if record == nil || record.Spec.From != before {
		t.Errorf("the record of the release is %+v", record)
	}
}
