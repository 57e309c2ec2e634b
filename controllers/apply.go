package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/activation"
	"github.com/kohort-dev/kohort/internal/kafka"
	"github.com/kohort-dev/kohort/internal/pods"
	"github.com/kohort-dev/kohort/internal/rollout"
)

const (
	// kafkaTimeout bounds one request that changes something in Kafka.
	kafkaTimeout = 10 * time.Second
	// hurryFor is for how long the group is read often after something was seen to
	// wait for a reading.
	hurryFor = 10 * time.Second
	// atOnce is how many requests about pods of a group are under way at most.
	atOnce = 16
)

// persist writes the state that was decided, with the report, if nobody has
// changed the object since it was read.
func (r *ConsumerGroupReconciler) persist(ctx context.Context, s seen, p plan, status v1alpha1.ConsumerGroupStatus) error {
	if s.group.DeletionTimestamp.IsZero() {
		if err := r.record(ctx, s, p); err != nil {
			return err
		}
		if err := r.recordRollouts(ctx, s, p); err != nil {
			return err
		}
	}
	if err := r.write(ctx, s, status); err != nil {
		return err
	}
	for _, restart := range p.Restarts {
		restartSeconds.WithLabelValues(string(restart.Kind)).Observe(float64(restart.Seconds))
	}
	r.tell(s.group, append(transitions(s, p), news(s, status)...))
	return nil
}

// execute does what was decided, each action for itself, after the state that
// they follow from was written.
func (r *ConsumerGroupReconciler) execute(ctx context.Context, s seen, p plan) error {
	if p.Report.Hurry {
		r.Clusters.Hurry(clusterKey(s.group), s.group.GroupID(), s.now.Add(hurryFor))
	}
	if p.ReadNow {
		r.Clusters.ReadNow(clusterKey(s.group), s.group.GroupID())
	}
	// Somebody waits for each activation.
	actions := slices.Clone(p.Actions)
	slices.SortStableFunc(actions, func(a, b rollout.Action) int { return urgency(a) - urgency(b) })
	errs := make([]error, len(actions))
	var running sync.WaitGroup
	turn := make(chan struct{}, atOnce)
	for i, a := range actions {
		if i > 0 && !sideBySide(actions[i-1], a) {
			running.Wait()
		}
		turn <- struct{}{}
		running.Go(func() {
			defer func() { <-turn }()
			errs[i] = r.do(ctx, s, p, a)
		})
	}
	running.Wait()
	r.configureGroup(ctx, s, p)
	return errors.Join(append(errs, r.limitEvictions(ctx, s, p))...)
}

func urgency(a rollout.Action) int {
	if a.Kind == rollout.ActivatePod {
		return 0
	}
	return 1
}

// sideBySide: neither of two actions, each about a pod that there is, waits for the other. A
// handover of all slots is as long as the last of them.
func sideBySide(a, b rollout.Action) bool {
	switch a.Kind {
	case rollout.ActivatePod, rollout.DeletePod, rollout.ReleasePod:
		return a.Kind == b.Kind
	default:
		return false
	}
}

func (r *ConsumerGroupReconciler) do(ctx context.Context, s seen, p plan, a rollout.Action) error {
	switch a.Kind {
	case rollout.CreatePod:
		return r.createPod(ctx, s, p, a)
	case rollout.ActivatePod:
		return r.activatePod(ctx, s, a)
	case rollout.DeletePod:
		return r.deletePod(ctx, s, a)
	case rollout.ReleasePod:
		return r.release(ctx, s.objects[a.UID])
	case rollout.SetOffsets:
		return r.setOffsets(ctx, s, a)
	case rollout.RemoveMembers, rollout.ForceRebalance:
		return r.removeMembers(ctx, s, a)
	default:
		return fmt.Errorf("doing %s: there is no such action", a.Kind)
	}
}

func (r *ConsumerGroupReconciler) createPod(ctx context.Context, s seen, p plan, a rollout.Action) error {
	doing := fmt.Sprintf("creating pod %s/%s", s.group.Namespace, pods.Name(s.group.Name, a.Ordinal, a.Suffix))
	pod, err := r.build(ctx, s, p, a)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	err = r.Client.Create(ctx, pod)
	switch {
	case apierrors.IsAlreadyExists(err):
		return r.checkOurs(ctx, s, pod)
	case isQuota(err):
		// Tried again at each pass; what follows from it is decided.
		s.recalls.refusal, s.recalls.refusedAt = err.Error(), s.now
		return nil
	case err != nil:
		return fmt.Errorf("%s: %w", doing, err)
	}
	s.recalls.refusal = ""
	logf.FromContext(ctx).Info("Created pod", "pod", pod.Name, "slot", a.Ordinal, "revision", a.Revision)
	return nil
}

// checkOurs: a pod of the name exists. It may be one that the cache does not show
// yet; one of somebody else would be in the way for ever.
func (r *ConsumerGroupReconciler) checkOurs(ctx context.Context, s seen, wanted *corev1.Pod) error {
	if slices.ContainsFunc(s.pods, func(p rollout.Pod) bool { return p.Name == wanted.Name }) {
		return nil
	}
	var pod corev1.Pod
	err := r.APIReader.Get(ctx, client.ObjectKeyFromObject(wanted), &pod)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("looking who owns pod %s/%s: %w", wanted.Namespace, wanted.Name, err)
	}
	if err == nil && pod.Labels[v1alpha1.LabelGroup] != s.group.Name {
		return fmt.Errorf("pod %s/%s is in the way: it has a name that ConsumerGroup %s needs, and does not belong to it: delete it",
			wanted.Namespace, wanted.Name, s.group.Name)
	}
	return nil
}

// build makes a pod from the present template, or from one that was recorded.
func (r *ConsumerGroupReconciler) build(ctx context.Context, s seen, p plan, a rollout.Action) (*corev1.Pod, error) {
	if s.cluster == nil {
		return nil, errors.New("its KafkaCluster does not exist, so its bootstrap servers are not known")
	}
	data := presentData(s.group)
	if a.Revision != s.template {
		var err error
		if data, err = r.recorded(ctx, s.group, a.Revision); err != nil {
			return nil, err
		}
	} else if err := r.record(ctx, s, p); err != nil {
		return nil, err
	}
	return r.pod(s, data, a)
}

// pod is the one that an action asks for. The dry run of a template tries the same.
func (r *ConsumerGroupReconciler) pod(s seen, data revisionData, a rollout.Action) (*corev1.Pod, error) {
	template, err := data.parse()
	if err != nil {
		return nil, fmt.Errorf("revision %s: %w", a.Revision, err)
	}
	return pods.Build(pods.Input{
		Group:            s.group,
		Template:         template,
		Consumer:         data.Consumer,
		Activation:       data.Activation,
		Revision:         a.Revision,
		Ordinal:          a.Ordinal,
		InstanceID:       s.names.In(a.Lane).Base(a.Ordinal),
		Suffix:           a.Suffix,
		AtOnce:           a.AtOnce,
		Session:          a.Session,
		LauncherImage:    r.LauncherImage,
		BootstrapServers: s.cluster.Spec.BootstrapServers,
		Endpoint:         r.Endpoint.forPods(),
	})
}

// activatePod lets a pod's consumer start: at once, if the pod is waiting for an
// answer, else by the annotation. Where a kubelet has to act on the answer, the
// annotation follows in a later pass. The UID in the patch is a precondition:
// another pod of the name is not hit.
func (r *ConsumerGroupReconciler) activatePod(ctx context.Context, s seen, a rollout.Action) error {
	activated := func(by string) {
		activations.WithLabelValues(by).Inc()
		logf.FromContext(ctx).Info("Activated pod", "pod", a.Pod, "slot", a.Ordinal, "by", by)
	}
	pod := s.objects[a.UID]
	answer := r.Endpoint.activate(a.UID)
	if answer == activation.Answered {
		activated("endpoint")
	}
	if (answer == activation.Answered || answer == activation.Resting) && !pods.Launched(pod) {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid":         a.UID,
		"annotations": pods.Activate(pod),
	}})
	if err != nil {
		return fmt.Errorf("activating pod %s/%s: %w", s.group.Namespace, a.Pod, err)
	}
	err = r.Client.Patch(ctx, s.podNamed(a.Pod), client.RawPatch(types.MergePatchType, patch))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("activating pod %s/%s: %w", s.group.Namespace, a.Pod, err)
	}
	if err == nil && answer == activation.Unasked {
		activated("annotation")
	}
	return nil
}

func (r *ConsumerGroupReconciler) deletePod(ctx context.Context, s seen, a rollout.Action) error {
	err := r.Client.Delete(ctx, s.podNamed(a.Pod), client.Preconditions{UID: &a.UID, ResourceVersion: &a.Version})
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		// It is not what was decided about any more: the next pass sees what it is.
		return nil
	}
	if err != nil {
		return fmt.Errorf("deleting pod %s/%s: %w", s.group.Namespace, a.Pod, err)
	}
	if a.First != "" {
		r.note(s.group, "StoppedFirst", "stopped pod %s of slot %d before its successor is warm: %s", a.Pod, a.Ordinal, a.First)
	}
	logf.FromContext(ctx).Info("Deleted pod", "pod", a.Pod, "slot", a.Ordinal, "reason", a.Reason)
	return nil
}

// release lets the object of a deleted pod go, whoever else changes it meanwhile: an
// end is never taken back.
func (r *ConsumerGroupReconciler) release(ctx context.Context, pod *corev1.Pod) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid":                                 pod.UID,
		"$deleteFromPrimitiveList/finalizers": []string{v1alpha1.FinalizerPod},
	}})
	if err == nil {
		err = r.Client.Patch(ctx, pod.DeepCopy(), client.RawPatch(types.StrategicMergePatchType, patch))
	}
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("removing the finalizer from pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	return nil
}

func (s seen) podNamed(name string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: s.group.Namespace, Name: name}}
}

// removeMembers removes them once for each reading that shows them: only the next
// one can tell what has become of that.
func (r *ConsumerGroupReconciler) removeMembers(ctx context.Context, s seen, a rollout.Action) error {
	reading, _ := s.window.Newest(s.now)
	if reading != nil && reading.At.Equal(s.recalls.removedBy) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, kafkaTimeout)
	defer cancel()
	members := make([]kafka.MemberRef, 0, len(a.Members))
	for _, m := range a.Members {
		members = append(members, kafka.MemberRef{InstanceID: m.InstanceID, MemberID: m.MemberID})
	}
	removals, err := r.Clusters.RemoveMembers(ctx, clusterKey(s.group), s.group.GroupID(), members, "kohort: "+a.Reason)
	if err != nil {
		return err
	}
	if reading != nil {
		s.recalls.removedBy = reading.At
	}
	for _, removal := range removals {
		switch {
		case removal.Outcome != kafka.Removed:
		case a.Kind == rollout.ForceRebalance:
			r.note(s.group, "RebalanceForced", "removed %s, which lives and joins again, from group %s: %s", removal.Member, s.group.GroupID(), a.Reason)
		default:
			r.note(s.group, "MemberRemoved", "removed %s from group %s: %s", removal.Member, s.group.GroupID(), a.Reason)
		}
	}
	logf.FromContext(ctx).Info("Removed members", "group", s.group.GroupID(), "members", len(removals), "reason", a.Reason)
	return nil
}
