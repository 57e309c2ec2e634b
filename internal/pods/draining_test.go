package pods

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestDraining(t *testing.T) {
	taint := func(key string) corev1.NodeSpec {
		return corev1.NodeSpec{Taints: []corev1.Taint{{Key: "a"}, {Key: key}}}
	}
	for name, c := range map[string]struct {
		spec corev1.NodeSpec
		want string
	}{
		"a node like any other":         {taint("node-role.kubernetes.io/control-plane"), ""},
		"not ready":                     {taint(corev1.TaintNodeNotReady), ""},
		"cordoned":                      {corev1.NodeSpec{Unschedulable: true}, "node n is cordoned"},
		"given up by an autoscaler":     {taint("ToBeDeletedByClusterAutoscaler"), "node n is about to go (taint ToBeDeletedByClusterAutoscaler)"},
		"replaced by Karpenter":         {taint("karpenter.sh/disrupted"), "node n is about to go (taint karpenter.sh/disrupted)"},
		"a candidate that may yet stay": {taint("DeletionCandidateOfClusterAutoscaler"), ""},
	} {
		if got := Draining(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}, Spec: c.spec}); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
