package controllers

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// +kubebuilder:rbac:groups=kohort.dev,resources=rolloutrecords,verbs=get;list;create;update;delete

// keepRecords is how many of them are kept of a group, the newest.
const keepRecords = 10

// recordRollouts writes down what a decision makes of a rollout, before the state is written
// that may forget it. Where records cannot be written at all, releases go on without: they
// are worth more. Offsets are not moved then: what was there before would be known to nobody.
func (r *ConsumerGroupReconciler) recordRollouts(ctx context.Context, s seen, p plan) error {
	for _, outcome := range outcomes(s, p) {
		err := r.writeRecord(ctx, s, outcome)
		if err == nil {
			continue
		}
		never := meta.IsNoMatchError(err) || apierrors.IsForbidden(err) || apierrors.IsInvalid(err) || apierrors.IsNotFound(err)
		if meta.IsNoMatchError(err) {
			err = fmt.Errorf("%w: the cluster does not know the kind: apply config/crd", err)
		}
		if outcome.move != nil || !never {
			return err
		}
		logf.FromContext(ctx).Error(err, "Left a rollout without its record", "number", outcome.rollout.Number)
		r.warn(s.group, "RecordNotWritten", "rollout %d to %s: %v", outcome.rollout.Number, outcome.rollout.To, err)
	}
	return nil
}

// outcome is what there is to write down about a rollout, or a move of the offsets.
type outcome struct {
	rollout *v1alpha1.RolloutState
	move    *v1alpha1.MoveState // nil: none
	command string              // that asked for it; "": the template did
	result  v1alpha1.RolloutResult
	message string
}

// outcomes are those that a decision changes.
func outcomes(s seen, p plan) []outcome {
	was, is := s.group.Status.State.Rollout, p.State.Rollout
	var all []outcome
	if p.Ended != nil && was != nil && was.Stage != v1alpha1.RolloutRolledBack {
		all = append(all, endOf(p.Ended, p.State))
	}
	if is != nil && (was == nil || was.Number != is.Number || was.Stage != is.Stage || len(was.Phases) != len(is.Phases)) {
		stands := standOf(is)
		if by := p.State.Override; by != nil && by.Revision == is.To {
			stands.command = by.Command
		}
		all = append(all, stands)
	}
	if m := p.State.Move; m != nil && (s.group.Status.State.Move == nil || s.group.Status.State.Move.Noted != m.Noted) {
		all = append(all, ofMove(m, p.State, v1alpha1.RolloutUnderWay))
	}
	if m := s.group.Status.State.Move; m != nil && p.State.Move == nil {
		all = append(all, ofMove(m, p.State, v1alpha1.RolloutSucceeded))
	}
	return all
}

// ofMove is how a move of the offsets stands: all pods stop and start for it, as by Recreate.
func ofMove(m *v1alpha1.MoveState, state v1alpha1.GroupState, result v1alpha1.RolloutResult) outcome {
	return outcome{move: m, command: m.Command, result: result, rollout: &v1alpha1.RolloutState{
		Number: m.Number, From: m.From, To: state.Stable, Strategy: v1alpha1.StrategyRecreate, StartedAt: m.StartedAt,
	}}
}

// endOf is what became of a rollout that is not the group's any more.
func endOf(r *v1alpha1.RolloutState, after v1alpha1.GroupState) outcome {
	switch {
	case after.Rollout != nil:
		return outcome{rollout: r, result: v1alpha1.RolloutSuperseded, message: "a rollout to revision " + after.Rollout.To + " took its place"}
	case after.Stable == r.To:
		return outcome{rollout: r, result: v1alpha1.RolloutSucceeded}
	case after.Override != nil:
		return outcome{rollout: r, result: v1alpha1.RolloutWasRolledBack, message: after.Override.Command}
	default:
		return outcome{rollout: r, result: v1alpha1.RolloutWasRolledBack, message: "the template of before was applied again"}
	}
}

// standOf is how a rollout stands.
func standOf(r *v1alpha1.RolloutState) outcome {
	switch r.Stage {
	case v1alpha1.RolloutRolledBack:
		return outcome{rollout: r, result: v1alpha1.RolloutWasRolledBack, message: r.Failure}
	case v1alpha1.RolloutPaused:
		return outcome{rollout: r, result: v1alpha1.RolloutStopped, message: r.Failure}
	default:
		return outcome{rollout: r, result: v1alpha1.RolloutUnderWay, message: r.Failure}
	}
}

// recordName is what the record of a group's rollout is called.
func recordName(group string, number int64) string { return fmt.Sprintf("%s-%d", group, number) }

func (r *ConsumerGroupReconciler) writeRecord(ctx context.Context, s seen, o outcome) error {
	record := &v1alpha1.RolloutRecord{}
	key := client.ObjectKey{Namespace: s.group.Namespace, Name: recordName(s.group.Name, o.rollout.Number)}
	err := r.APIReader.Get(ctx, key, record)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("reading RolloutRecord %s: %w", key, err)
	}
	isNew := apierrors.IsNotFound(err)
	fillRecord(record, s, o)
	if !isNew {
		if err := r.Client.Update(ctx, record); err != nil {
			return fmt.Errorf("writing RolloutRecord %s: %w", key, err)
		}
		return nil
	}
	record.Name, record.Namespace = key.Name, key.Namespace
	if err := r.Client.Create(ctx, record); err != nil {
		return fmt.Errorf("writing RolloutRecord %s: %w", key, err)
	}
	if err := r.pruneRecords(ctx, s.group); err != nil {
		logf.FromContext(ctx).Error(err, "Left old RolloutRecords") // the next one tries again
	}
	return nil
}

// fillRecord leaves who asked for a rollout as it was found out at its beginning.
func fillRecord(record *v1alpha1.RolloutRecord, s seen, o outcome) {
	ro := o.rollout
	if record.Spec.StartedAt != ro.StartedAt { // it is new, or was left by an object of the same name
		record.Spec.RequestedBy = cmp.Or(o.command, templateBy(s.group))
	}
	record.Labels = map[string]string{v1alpha1.LabelGroup: s.group.Name}
	record.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(s.group, v1alpha1.GroupVersion.WithKind("ConsumerGroup"))}
	record.Spec = v1alpha1.RolloutRecordSpec{
		Group: s.group.Name, From: ro.From, To: ro.To, Strategy: ro.Strategy, Attempt: max(1, ro.Attempt),
		RequestedBy: record.Spec.RequestedBy, StartedAt: ro.StartedAt,
	}
	if record.Spec.Strategy == "" {
		record.Spec.Strategy = v1alpha1.StrategyRolling
	}
	record.Status = v1alpha1.RolloutRecordStatus{
		Result: o.result, Message: o.message, Phases: ro.Phases, Rebalances: s.rebalancesIn(ro),
		LongestPauseSeconds: ro.LongestPauseSeconds, Boundaries: ro.Boundaries,
	}
	if o.move != nil {
		record.Status.Offsets, record.Status.OffsetsBefore = o.move.Offsets, o.move.Before
	}
	if o.result != v1alpha1.RolloutUnderWay && o.result != v1alpha1.RolloutStopped {
		record.Status.FinishedAt = ptr.To(metav1.NewMicroTime(s.now))
	}
}

// rebalancesIn are those that were seen in a rollout; nil if the operator did not count all
// the time.
func (s seen) rebalancesIn(r *v1alpha1.RolloutState) *int64 {
	if r.RebalancesBefore == nil || s.rebalances.Since.IsZero() || s.rebalances.Since.After(r.StartedAt.Time) {
		return nil
	}
	return ptr.To(s.rebalances.Count - *r.RebalancesBefore)
}

// templateBy is who changed the template last, as far as the API server knows.
func templateBy(group *v1alpha1.ConsumerGroup) string {
	manager, last := "", metav1.Time{}
	for _, entry := range group.ManagedFields {
		if entry.Subresource != "" || entry.FieldsV1 == nil || entry.Time == nil || entry.Time.Before(&last) {
			continue
		}
		var fields struct {
			Spec struct {
				Template json.RawMessage `json:"f:template"`
			} `json:"f:spec"`
		}
		if json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields) == nil && fields.Spec.Template != nil {
			manager, last = entry.Manager, *entry.Time
		}
	}
	return manager
}

// pruneRecords deletes the oldest ones.
func (r *ConsumerGroupReconciler) pruneRecords(ctx context.Context, group *v1alpha1.ConsumerGroup) error {
	var all v1alpha1.RolloutRecordList
	if err := r.APIReader.List(ctx, &all, client.InNamespace(group.Namespace), client.MatchingLabels{v1alpha1.LabelGroup: group.Name}); err != nil {
		return fmt.Errorf("listing the RolloutRecords of ConsumerGroup %s/%s: %w", group.Namespace, group.Name, err)
	}
	slices.SortFunc(all.Items, func(a, b v1alpha1.RolloutRecord) int { return b.Spec.StartedAt.Compare(a.Spec.StartedAt.Time) })
	for i := keepRecords; i < len(all.Items); i++ {
		if err := r.Client.Delete(ctx, &all.Items[i]); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("deleting RolloutRecord %s/%s: %w", group.Namespace, all.Items[i].Name, err)
		}
	}
	return nil
}
