package pods

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestCrowded(t *testing.T) {
	now := time.Unix(1000, 0)
	const (
		prefix     = "0/3 nodes are available: "
		ports      = "1 node(s) didn't have free ports for the requested pod ports, 2 node(s) didn't match Pod's node affinity/selector"
		selector   = "3 node(s) didn't match Pod's node affinity/selector"
		preemption = ". preemption: 0/3 nodes are available: 3 Insufficient memory."
		long       = time.Minute
	)
	needs := func(port int32, memory string) *corev1.Pod {
		return &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Ports:     []corev1.ContainerPort{{HostPort: port}},
			Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(memory)}},
		}}}}
	}
	for name, c := range map[string]struct {
		pod, predecessor *corev1.Pod
		reason, message  string
		since            time.Duration
		want             string
		noRoom           bool
	}{
		"the predecessor has the port":      {needs(80, "1Gi"), needs(80, "1Gi"), "Unschedulable", ports + preemption, long, ports, true},
		"somebody else has it":              {needs(80, "1Gi"), needs(81, "1Gi"), "Unschedulable", ports, long, "", true},
		"it was a moment ago":               {needs(80, "1Gi"), needs(80, "1Gi"), "Unschedulable", ports, 4 * time.Second, "", true},
		"the predecessor has the memory":    {needs(0, "1Gi"), needs(0, "1Gi"), "Unschedulable", "3 Insufficient memory.", long, "3 Insufficient memory", true},
		"it asks for more memory":           {needs(0, "2Gi"), needs(0, "1Gi"), "Unschedulable", "3 Insufficient memory.", long, "", true},
		"it also asks for what nobody has":  {needs(0, "1Gi"), needs(0, "1Gi"), "Unschedulable", "2 Insufficient memory, 1 Insufficient cpu.", long, "2 Insufficient memory, 1 Insufficient cpu", true},
		"the predecessor keeps others away": {needs(0, "1Gi"), needs(0, "1Gi"), "Unschedulable", "3 node(s) didn't match pod anti-affinity rules" + preemption, long, "3 node(s) didn't match pod anti-affinity rules", true},
		"nobody's going helps":              {needs(0, "1Gi"), needs(0, "1Gi"), "Unschedulable", selector + preemption, long, "", false},
		"it is held back by a gate":         {needs(0, "1Gi"), needs(0, "1Gi"), "SchedulingGated", "3 Insufficient memory", long, "", false},
		"a resource with a dot in its name": {needs(0, "1Gi"), needs(0, "1Gi"), "Unschedulable", "3 Insufficient example.com/gpu.", long, "3 Insufficient example.com/gpu", true},
	} {
		c.pod.Status.Conditions = []corev1.PodCondition{{
			Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: c.reason, Message: prefix + c.message,
			LastTransitionTime: metav1.NewTime(now.Add(-c.since)),
		}}
		want := c.want
		if want != "" {
			want = prefix + want
		}
		if got := Crowded(c.pod, c.predecessor, now); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		if got := NoRoom(c.pod); got != c.noRoom {
			t.Errorf("%s: no room: %t, want %t", name, got, c.noRoom)
		}
	}
}
