package pods

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// drainTaints are set by those who empty nodes, before they evict pods: the cluster
// autoscaler (ToBeDeletedTaint) and Karpenter (v1.DisruptedTaintKey).
var drainTaints = []string{"ToBeDeletedByClusterAutoscaler", "karpenter.sh/disrupted"}

// Draining is why pods have to leave a node; "" if they can stay.
func Draining(node *corev1.Node) string {
	if node.Spec.Unschedulable {
		return fmt.Sprintf("node %s is cordoned", node.Name)
	}
	at := slices.IndexFunc(node.Spec.Taints, func(t corev1.Taint) bool { return slices.Contains(drainTaints, t.Key) })
	if at < 0 {
		return ""
	}
	return fmt.Sprintf("node %s is about to go (taint %s)", node.Name, node.Spec.Taints[at].Key)
}
