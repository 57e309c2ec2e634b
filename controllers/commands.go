package controllers

import (
	"context"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/rollout"
)

// maxCommand is how much is kept of a command's value, in bytes.
const maxCommand = 253

// byBoundary ends the value of a rollback that goes back in time.
const byBoundary = ",offsets=boundary"

// commandsOf are the commands that stand as annotations.
func commandsOf(group *v1alpha1.ConsumerGroup) map[string]string {
	commands := map[string]string{}
	for _, name := range rollout.CommandNames() {
		if value := strings.TrimSpace(group.Annotations[name]); value != "" {
			commands[name] = shortened(value, maxCommand)
		}
	}
	return commands
}

// lookUp finds out what the commands need to know that were not answered yet. What cannot be
// found out now is asked again in the next pass.
func (r *ConsumerGroupReconciler) lookUp(ctx context.Context, group *v1alpha1.ConsumerGroup) (map[string]rollout.Found, error) {
	commands := commandsOf(group)
	for _, c := range group.Status.State.Commands {
		if commands[c.Name] == c.Value {
			delete(commands, c.Name)
		}
	}
	found := map[string]rollout.Found{}
	if ro := group.Status.State.Rollout; ro != nil && ro.Stage == v1alpha1.RolloutProgressing {
		delete(commands, v1alpha1.AnnotationResetOffsets) // it waits for the rollout, and Kafka need not be asked yet
	}
	for name, look := range map[string]func(context.Context, *v1alpha1.ConsumerGroup, string) (rollout.Found, error){
		v1alpha1.AnnotationRollback:     r.wayBack,
		v1alpha1.AnnotationResetOffsets: r.offsetsTo,
	} {
		value := commands[name]
		if value == "" {
			continue
		}
		f, err := look(ctx, group, value)
		if err != nil {
			return nil, fmt.Errorf("looking up %s=%s: %w", name, value, err)
		}
		f.Value = value
		found[name] = f
	}
	return found, nil
}

// wayBack is the revision before a rollout, and its boundary.
func (r *ConsumerGroupReconciler) wayBack(ctx context.Context, group *v1alpha1.ConsumerGroup, value string) (rollout.Found, error) {
	name, rewind := strings.CutSuffix(value, byBoundary)
	if strings.Contains(name, ",") {
		return rollout.Found{Refused: "it is neither RECORD nor RECORD" + byBoundary}, nil
	}
	record, refused, err := r.recordOf(ctx, group, name)
	if record == nil {
		return rollout.Found{Refused: refused}, err
	}
	_, err = r.recorded(ctx, group, record.Spec.From)
	if apierrors.IsNotFound(err) {
		return rollout.Found{Refused: fmt.Sprintf("revision %s is not kept any more: apply its template", record.Spec.From)}, nil
	}
	found := rollout.Found{Revision: record.Spec.From, Offsets: record.Status.Boundaries, Rewind: rewind}
	if last := group.Status.State.Rollout; last != nil && name == recordName(group.Name, last.Number) {
		found.Number, found.Offsets = last.Number, last.Boundaries // which its record has at its end
	}
	return found, err
}

// recordOf is a RolloutRecord of a group; nil, and why, if it has none of the name.
func (r *ConsumerGroupReconciler) recordOf(ctx context.Context, group *v1alpha1.ConsumerGroup, name string) (*v1alpha1.RolloutRecord, string, error) {
	none := fmt.Sprintf("there is no RolloutRecord %s: kubectl get rolloutrecords -l %s=%s", name, v1alpha1.LabelGroup, group.Name)
	if len(validation.IsDNS1123Subdomain(name)) > 0 {
		return nil, none, nil
	}
	record := &v1alpha1.RolloutRecord{}
	err := r.APIReader.Get(ctx, client.ObjectKey{Namespace: group.Namespace, Name: name}, record)
	switch {
	case apierrors.IsNotFound(err):
		return nil, none, nil
	case err != nil:
		return nil, "", fmt.Errorf("reading RolloutRecord %s/%s: %w", group.Namespace, name, err)
	case record.Spec.Group != group.Name:
		return nil, fmt.Sprintf("RolloutRecord %s is of ConsumerGroup %s", name, record.Spec.Group), nil
	}
	return record, "", nil
}

// offsetsTo are the offsets that a reset asks for; none if they are those of the ends of the
// logs, which are read when nobody consumes.
func (r *ConsumerGroupReconciler) offsetsTo(ctx context.Context, group *v1alpha1.ConsumerGroup, value string) (rollout.Found, error) {
	if value == rollout.ToEarliest || value == rollout.ToLatest {
		return rollout.Found{}, nil
	}
	if at, err := time.Parse(time.RFC3339, value); err == nil {
		offsets, err := r.Clusters.OffsetsAt(ctx, clusterKey(group), at, group.Spec.Topics)
		return rollout.Found{Offsets: rollout.ExactOffsets(offsets)}, err
	}
	record, refused, err := r.recordOf(ctx, group, value)
	if record == nil {
		if refused != "" {
			refused = "it is neither earliest, latest, nor a time such as 2026-11-26T18:00:00Z, and " + refused
		}
		return rollout.Found{Refused: refused}, err
	}
	return rollout.Found{Offsets: record.Status.Boundaries, Rewind: true}, nil
}

// setOffsets sets what the group has committed. The broker refuses it while the group has
// members.
func (r *ConsumerGroupReconciler) setOffsets(ctx context.Context, s seen, a rollout.Action) error {
	ctx, cancel := context.WithTimeout(ctx, kafkaTimeout)
	defer cancel()
	if err := r.Clusters.SetOffsets(ctx, clusterKey(s.group), s.group.GroupID(), a.Offsets); err != nil {
		return err
	}
	r.note(s.group, "OffsetsSet", "set the offsets of %d partitions of group %s: %s", len(a.Offsets), s.group.GroupID(), a.Reason)
	r.Clusters.ReadNow(clusterKey(s.group), s.group.GroupID())
	return nil
}
