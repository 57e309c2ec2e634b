package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// stall is why nothing new happens until a person changes something.
type stall struct {
	reason  string // of the condition
	message string
	// held: nothing at all happens, the pods are left as they are.
	held bool
}

// holdsStill says whether nothing at all may happen.
func (s *stall) holdsStill() bool { return s != nil && s.held }

// check finds out what keeps a group from going on, and which revision it works
// towards.
func (r *ConsumerGroupReconciler) check(ctx context.Context, s seen) (seen, error) {
	s, unread := r.withConfigs(ctx, s)
	name := s.group.Spec.Kafka.ClusterRef.Name
	switch {
	case s.cluster == nil:
		s.stall = &stall{v1alpha1.ReasonClusterNotFound,
			fmt.Sprintf("there is no KafkaCluster %s in namespace %s: create it; pods that run go on running", name, s.group.Namespace), true}
		return s, nil
	case !allowed(s.cluster, s.group.GroupID()):
		s.stall = &stall{v1alpha1.ReasonGroupNotAllowed,
			fmt.Sprintf("KafkaCluster %s does not allow group %s: its spec.allowedGroups has %s",
				name, s.group.GroupID(), strings.Join(s.cluster.Spec.AllowedGroups, ", ")), true}
		return s, nil
	}
	rival, err := r.olderRival(ctx, s)
	if err != nil {
		return seen{}, err
	}
	if rival != nil {
		s.stall = &stall{v1alpha1.ReasonGroupTaken,
			fmt.Sprintf("ConsumerGroup %s/%s, which is older, runs group %s of the same Kafka cluster: delete one of the two, or name another groupId",
				rival.Namespace, rival.Name, s.group.GroupID()), true}
		return s, nil
	}
	if unread != nil { // the revision is not known: what was begun or is stable goes on
		s.uncertain = unread
		return s.withoutTemplate(nil), nil
	}
	return r.checkTemplate(ctx, s), nil
}

// allowed says whether a connection may be used for a group id.
func allowed(cluster *v1alpha1.KafkaCluster, groupID string) bool {
	return len(cluster.Spec.AllowedGroups) == 0 || named(cluster.Spec.AllowedGroups, groupID)
}

// named says whether patterns name a group id: a "*" at the end matches any ending.
func named(patterns []string, groupID string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		if prefix, any := strings.CutSuffix(pattern, "*"); any {
			return strings.HasPrefix(groupID, prefix)
		}
		return pattern == groupID
	})
}

// olderRival is the oldest other ConsumerGroup, of any namespace, that runs the
// same group of the same Kafka cluster and is older than this one; nil if there
// is none.
func (r *ConsumerGroupReconciler) olderRival(ctx context.Context, s seen) (*v1alpha1.ConsumerGroup, error) {
	var groups v1alpha1.ConsumerGroupList
	var clusters v1alpha1.KafkaClusterList
	// Read only: the objects are the cache's own.
	if err := r.Client.List(ctx, &groups, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing the ConsumerGroups of all namespaces: %w", err)
	}
	var oldest *v1alpha1.ConsumerGroup
	for i := range groups.Items {
		other := &groups.Items[i]
		if other.UID == s.group.UID || other.GroupID() != s.group.GroupID() || !older(other, s.group) {
			continue
		}
		if clusters.Items == nil {
			if err := r.Client.List(ctx, &clusters, client.UnsafeDisableDeepCopy); err != nil {
				return nil, fmt.Errorf("listing the KafkaClusters of all namespaces: %w", err)
			}
		}
		theirs := find(clusters.Items, other)
		if theirs == nil || !allowed(theirs, other.GroupID()) || !sameKafka(theirs, s.cluster) {
			continue
		}
		if oldest == nil || older(other, oldest) {
			oldest = other
		}
	}
	return oldest, nil
}

// older: of two of the same second it is the one that was let in already.
func older(a, b *v1alpha1.ConsumerGroup) bool {
	switch {
	case !a.CreationTimestamp.Equal(&b.CreationTimestamp):
		return a.CreationTimestamp.Before(&b.CreationTimestamp)
	case letIn(a) != letIn(b):
		return letIn(a)
	default:
		return a.UID < b.UID
	}
}

// letIn: nothing kept the group from running pods, at least once.
func letIn(group *v1alpha1.ConsumerGroup) bool { return group.Status.State.SessionSeconds != 0 }

func find(clusters []v1alpha1.KafkaCluster, of *v1alpha1.ConsumerGroup) *v1alpha1.KafkaCluster {
	for i := range clusters {
		if client.ObjectKeyFromObject(&clusters[i]) == clusterKey(of) {
			return &clusters[i]
		}
	}
	return nil
}

// sameKafka says whether two connections lead to one Kafka cluster: by its own
// id, or while that is unknown by a common bootstrap server.
func sameKafka(a, b *v1alpha1.KafkaCluster) bool {
	if a.UID == b.UID {
		return true
	}
	if a.Status.ClusterID != "" && b.Status.ClusterID != "" {
		return a.Status.ClusterID == b.Status.ClusterID
	}
	return slices.ContainsFunc(a.Spec.BootstrapServers, func(server string) bool {
		return slices.ContainsFunc(b.Spec.BootstrapServers, func(other string) bool { return strings.EqualFold(server, other) })
	})
}
