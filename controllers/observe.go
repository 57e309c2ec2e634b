package controllers

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/kafka"
	"github.com/kohort-dev/kohort/internal/lag"
	"github.com/kohort-dev/kohort/internal/membership"
	"github.com/kohort-dev/kohort/internal/pods"
	"github.com/kohort-dev/kohort/internal/rollout"
)

// seen is what one pass sees. It does not change after observe.
type seen struct {
	now     time.Time
	group   *v1alpha1.ConsumerGroup
	cluster *v1alpha1.KafkaCluster // nil: there is none of that name
	names   membership.Naming      // of the group's members
	// revision that is worked towards: that of the present template, or the
	// stable one while the present template cannot be used.
	revision string
	// template is the revision of the present template, and bare that without what the
	// ConfigMaps and Secrets hold that it names.
	template, bare string
	// stall is why nothing new begins until a person changes something.
	stall *stall
	// uncertain is what could not be found out; the pass goes on without it.
	uncertain error
	pods      []rollout.Pod
	// strays are pods of the group whose label says no slot.
	strays  []rollout.Pod
	objects map[types.UID]*corev1.Pod // of pods and strays
	// lingering pods do not end although they should have, failing ones do not get
	// to consume.
	lingering, failing []string
	window             lag.Window
	rebalances         lag.Rebalances
	queries            []rollout.Query
	// found is what was looked up for commands that are not answered yet.
	found   map[string]rollout.Found
	recalls *recollection
}

func (r *ConsumerGroupReconciler) observe(ctx context.Context, group *v1alpha1.ConsumerGroup) (seen, error) {
	key := client.ObjectKeyFromObject(group)
	s := seen{
		now:     r.now(),
		group:   group,
		names:   r.namesOf(group),
		objects: map[types.UID]*corev1.Pod{},
		recalls: r.memory.of(key, group.UID),
	}
	var err error
	if s.cluster, err = r.clusterOf(ctx, group); err != nil {
		return seen{}, err
	}
	if s, err = r.check(ctx, s); err != nil {
		return seen{}, err
	}
	found, err := r.podsOf(ctx, group, s.now)
	if err != nil {
		return seen{}, err
	}
	nodes, err := r.nodesOf(ctx, found)
	if err != nil {
		return seen{}, err
	}
	for _, pod := range found {
		s = s.withPod(pod, holderBeside(group, found, pod), nodes[pod.object.Spec.NodeName])
	}
	if why := s.recalls.noRoom(s.now); why != "" {
		s.failing = append(s.failing, "a pod cannot be made: "+why)
	}
	s.window, s.rebalances = r.windowOf(s)
	if s.found, err = r.lookUp(ctx, group); err != nil && s.uncertain == nil {
		s.uncertain = err // the rest of the pass needs none of it
	}
	s.queries = r.queriesOf(s)
	return s, nil
}

// namesOf is how a group's members are named.
func (r *ConsumerGroupReconciler) namesOf(group *v1alpha1.ConsumerGroup) membership.Naming {
	prefix := group.Spec.Membership.InstanceIDPrefix
	if prefix == "" {
		prefix = membership.DefaultPrefix(r.ClusterUID, group.Namespace, group.Name)
	}
	return pods.Naming(prefix, group.Spec.Consumer)
}

// clusterOf is the KafkaCluster of a group; nil if there is none.
func (r *ConsumerGroupReconciler) clusterOf(ctx context.Context, group *v1alpha1.ConsumerGroup) (*v1alpha1.KafkaCluster, error) {
	cluster := &v1alpha1.KafkaCluster{}
	err := r.Client.Get(ctx, clusterKey(group), cluster)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading KafkaCluster %s: %w", clusterKey(group), err)
	}
	return cluster, nil
}

func clusterKey(group *v1alpha1.ConsumerGroup) types.NamespacedName {
	return types.NamespacedName{Namespace: group.Namespace, Name: group.Spec.Kafka.ClusterRef.Name}
}

// podsOf are all pods of a group, whoever owns them: from the cache, and from the
// API server when a holder is not in the cache.
func (r *ConsumerGroupReconciler) podsOf(ctx context.Context, group *v1alpha1.ConsumerGroup, now time.Time) ([]podSeen, error) {
	found, err := listPods(ctx, r.Client, group)
	if err != nil {
		return nil, err
	}
	if holderMissing(group, found) {
		if found, err = listPods(ctx, r.APIReader, group); err != nil {
			return nil, err
		}
	}
	if found, err = r.withRelabelled(ctx, group, found); err != nil {
		return nil, err
	}
	all := make([]podSeen, 0, len(found))
	for i := range found {
		o := r.Witness.observe(&found[i], now)
		o.Warm = o.Warm || o.Waiting && r.Endpoint.waits(found[i].UID)
		o.Kept = o.Kept && letsGo(group.Name, &found[i])
		all = append(all, podSeen{&found[i], o})
	}
	// A cache has no order.
	slices.SortFunc(all, func(a, b podSeen) int { return strings.Compare(a.object.Name, b.object.Name) })
	return all, nil
}

// nodeSeen is a node with pods of a group.
type nodeSeen struct {
	// draining is why pods have to leave it; "" where they can stay.
	draining string
	// gone: it is no node of the cluster any more, and no kubelet will say what became of
	// its pods. The pod garbage collector says that they are lost a minute later.
	gone bool
	// zone that its label names.
	zone string
}

// nodesOf are the nodes of some pods, by name.
func (r *ConsumerGroupReconciler) nodesOf(ctx context.Context, found []podSeen) (map[string]nodeSeen, error) {
	nodes := map[string]nodeSeen{}
	for _, pod := range found {
		name := pod.object.Spec.NodeName
		if _, known := nodes[name]; known || name == "" {
			continue
		}
		var node corev1.Node
		err := r.Client.Get(ctx, types.NamespacedName{Name: name}, &node)
		if apierrors.IsNotFound(err) { // a new one may not be in the cache yet
			err = r.APIReader.Get(ctx, types.NamespacedName{Name: name}, &node)
		}
		switch {
		case apierrors.IsNotFound(err):
			nodes[name] = nodeSeen{gone: true}
		case err != nil:
			return nil, fmt.Errorf("reading node %s: %w", name, err)
		default:
			nodes[name] = nodeSeen{draining: pods.Draining(&node), zone: node.Labels[corev1.LabelTopologyZone]}
		}
	}
	return nodes, nil
}

// letsGo says whether a group lets a deleted pod go: the one that owns it, whatever
// the pod's label says, or any if nobody does.
func letsGo(group string, pod *corev1.Pod) bool {
	owner := metav1.GetControllerOf(pod)
	return owner == nil || owner.Name == group
}

// podSeen is a pod with what its object says.
type podSeen struct {
	object *corev1.Pod
	pods.Observation
}

// withRelabelled finds the holders that are there and have lost the labels by which
// they are looked for: somebody wanted them aside, and they consume all the same.
func (r *ConsumerGroupReconciler) withRelabelled(ctx context.Context, group *v1alpha1.ConsumerGroup, found []corev1.Pod) ([]corev1.Pod, error) {
	for _, slot := range group.Status.State.Held() {
		label := strconv.Itoa(int(slot.Ordinal))
		labelled := slices.ContainsFunc(found, func(p corev1.Pod) bool {
			return p.UID == slot.Holder && p.Labels[v1alpha1.LabelSlot] == label
		})
		if slot.Holder == "" || labelled {
			continue
		}
		var pod corev1.Pod
		err := r.APIReader.Get(ctx, types.NamespacedName{Namespace: group.Namespace, Name: slot.Pod}, &pod)
		if client.IgnoreNotFound(err) != nil {
			return nil, fmt.Errorf("looking for pod %s/%s of slot %d: %w", group.Namespace, slot.Pod, slot.Ordinal, err)
		}
		if err != nil || pod.UID != slot.Holder {
			continue
		}
		metav1.SetMetaDataLabel(&pod.ObjectMeta, v1alpha1.LabelSlot, label)
		metav1.SetMetaDataLabel(&pod.ObjectMeta, v1alpha1.LabelRevision, slot.Revision)
		found = slices.DeleteFunc(found, func(p corev1.Pod) bool { return p.UID == pod.UID })
		found = append(found, pod)
	}
	return found, nil
}

func listPods(ctx context.Context, from client.Reader, group *v1alpha1.ConsumerGroup) ([]corev1.Pod, error) {
	var list corev1.PodList
	err := from.List(ctx, &list, client.InNamespace(group.Namespace), client.MatchingLabels{v1alpha1.LabelGroup: group.Name})
	if err != nil {
		return nil, fmt.Errorf("listing the pods of ConsumerGroup %s/%s: %w", group.Namespace, group.Name, err)
	}
	return list.Items, nil
}

// holderMissing says whether a holder is not among the pods.
func holderMissing(group *v1alpha1.ConsumerGroup, found []corev1.Pod) bool {
	return slices.ContainsFunc(group.Status.State.Held(), func(slot v1alpha1.SlotState) bool {
		return slot.Holder != "" && !slices.ContainsFunc(found, func(p corev1.Pod) bool { return p.UID == slot.Holder })
	})
}

// holderBeside is the holder of a pod's slot, if that is another pod; nil if there
// is none.
func holderBeside(group *v1alpha1.ConsumerGroup, found []podSeen, p podSeen) *corev1.Pod {
	for _, slot := range group.Status.State.Slots {
		if slot.Ordinal != p.Ordinal || slot.Holder == p.object.UID {
			continue
		}
		for _, other := range found {
			if other.object.UID == slot.Holder {
				return other.object
			}
		}
	}
	return nil
}

func (s seen) withPod(p podSeen, holder *corev1.Pod, node nodeSeen) seen {
	if node.gone && !p.Ended {
		p.Deleting, p.Forsaken = true, true
	}
	lane, known := s.laneOf(p)
	if !known {
		// A copy from another namespace or cluster, with that one's id: whatever its
		// label says, it is of no revision that anybody wants.
		p.Revision = ""
	}
	s.objects[p.object.UID] = p.object
	pod := rollout.Pod{
		Name:        p.object.Name,
		UID:         p.object.UID,
		Version:     p.object.ResourceVersion,
		Ordinal:     p.Ordinal,
		Lane:        lane,
		Revision:    p.Revision,
		Created:     p.object.CreationTimestamp.Time,
		Warm:        p.Warm,
		NoRoom:      pods.NoRoom(p.object),
		Draining:    node.draining,
		Domain:      domainOf(s.group.Spec.Rollout.Order, p.object, node),
		Activated:   p.Activated,
		Running:     p.Running,
		StartedAt:   p.StartedAt,
		Ready:       p.Ready,
		Down:        p.Down,
		BackingOff:  p.BackingOff,
		Deleting:    p.Deleting,
		DeletedAt:   p.DeletedAt,
		Ended:       p.Ended,
		Kept:        p.Kept,
		Killed:      p.Killed,
		Deaf:        p.Deaf,
		Unstartable: p.Unstartable,
		Forsaken:    p.Forsaken,
		Restarts:    p.Restarts,
		CrashedAt:   p.CrashedAt,
		Session:     p.Session,
		Problem:     p.Problem,
	}
	if p.Ordinal < 0 {
		s.strays = append(s.strays, pod)
		return s
	}
	if holder != nil {
		pod.Crowded = pods.Crowded(p.object, holder, s.now)
	}
	s.pods = append(s.pods, pod)
	if p.Problem != "" {
		text := fmt.Sprintf("pod %s: %s", p.object.Name, p.Problem)
		state := s.group.Status.State
		waits := state.Blue != nil && state.Rollout == nil && p.Revision == state.Blue.Revision && !p.Activated
		switch {
		case p.Deleting:
			s.lingering = append(s.lingering, text)
		case !waits: // to be gone back to: nobody suffers from what is the matter with it
			s.failing = append(s.failing, text)
		}
	}
	return s
}

// domainOf is where a pod is, as far as it matters in which order slots are handed over.
func domainOf(order v1alpha1.Order, pod *corev1.Pod, node nodeSeen) string {
	switch order {
	case v1alpha1.OrderNode:
		return pod.Spec.NodeName
	case v1alpha1.OrderZone:
		return node.zone
	default:
		return ""
	}
}

// windowOf is what was read about the group. Without a connection it is one
// reading that says why.
func (r *ConsumerGroupReconciler) windowOf(s seen) (lag.Window, lag.Rebalances) {
	owner := client.ObjectKeyFromObject(s.group)
	switch {
	case s.cluster == nil:
		r.Clusters.Untrack(owner)
		return noReading(s.now, fmt.Sprintf("KafkaCluster %s does not exist", s.group.Spec.Kafka.ClusterRef.Name))
	case s.stall.holdsStill() && s.group.DeletionTimestamp.IsZero():
		r.Clusters.Untrack(owner)
		return noReading(s.now, s.stall.message)
	}
	r.Clusters.Track(clusterKey(s.group), owner, s.group.GroupID(), targetOf(&s.group.Spec))
	window, rebalances, connected := r.Clusters.Window(clusterKey(s.group), s.group.GroupID())
	if connected {
		return window, rebalances
	}
	why := "its connection is about to be made"
	if ready := meta.FindStatusCondition(s.cluster.Status.Conditions, v1alpha1.ConditionReady); ready != nil {
		if ready.Status == metav1.ConditionTrue {
			return nil, rebalances // the operator has just begun
		}
		why = ready.Message
	}
	return noReading(s.now, fmt.Sprintf("KafkaCluster %s: %s", s.cluster.Name, why))
}

// targetOf is how a group is read and judged.
func targetOf(spec *v1alpha1.ConsumerGroupSpec) kafka.Target {
	target := kafka.Target{
		Topics:        spec.Topics,
		Consumer:      spec.Membership.Consumer(),
		ReadCommitted: spec.Lag.Isolation == v1alpha1.ReadCommitted,
		Rules: lag.Rules{
			Samples:    int(ptr.Deref(spec.Lag.Samples, 0)),
			Window:     spec.Lag.Window(),
			AllowedLag: spec.Lag.AllowedLag,
			MaxAge:     spec.Lag.MaxAge(),
		},
	}
	switch spec.Lag.OffsetReset {
	case v1alpha1.OffsetResetEarliest:
		target.Reset = lag.ResetEarliest
	case v1alpha1.OffsetResetLatest:
		target.Reset = lag.ResetLatest
	}
	return target
}

func noReading(now time.Time, why string) (lag.Window, lag.Rebalances) {
	return lag.Window{{At: now, Err: why}}, lag.Rebalances{}
}
