package pods

import (
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/resource"
)

// crowdedAfter is how long a pod must have found no node before its predecessor is
// taken for what stands in its way: a few seconds, since the scheduler needs one
// or two to see what has just become free.
const crowdedAfter = 5 * time.Second

// takenBy are reasons of the scheduler (v1.36, pkg/scheduler/framework/plugins) for
// a node that the going of a pod much like this one takes away. The others, as
// taints, node selectors and volumes of another zone, stay as they are.
var takenBy = []string{
	"didn't match pod anti-affinity rules",
	"didn't satisfy existing pods anti-affinity rules",
	"didn't match pod topology spread constraints",
	"ReadWriteOncePod access mode already in-use",
	"exceed max volume count",
	"had no available disk",
	"Too many pods",
	"cannot allocate all claims",
}

const portsTaken = "didn't have free ports for the requested pod ports"

var insufficient = regexp.MustCompile(`Insufficient ([^\s,.]+(?:\.[^\s,.]+)*)`)

// Crowded is why no node has room for a pod, if it is for its predecessor that
// stands there: then the pod can only follow when that one has gone. "" if it is
// for something else, or has not been so for a few seconds yet.
func Crowded(pod, predecessor *corev1.Pod, now time.Time) string {
	reasons, since := noNode(pod)
	if reasons == "" || now.Sub(since) < crowdedAfter {
		return ""
	}
	port := strings.Contains(reasons, portsTaken) && sharePort(pod, predecessor)
	if !port && !isTaken(reasons) && !leavesEnough(reasons, pod, predecessor) {
		return ""
	}
	return shorten(strings.TrimSuffix(reasons, "."))
}

// NoRoom says whether no node has room for a pod, for a reason that ends when some other
// pod goes.
func NoRoom(pod *corev1.Pod) bool {
	reasons, _ := noNode(pod)
	return isTaken(reasons) || strings.Contains(reasons, portsTaken) || insufficient.MatchString(reasons)
}

// noNode is why no node takes a pod, and since when; "" if one may.
func noNode(pod *corev1.Pod) (reasons string, since time.Time) {
	c := condition(pod, corev1.PodScheduled)
	if c.Status != corev1.ConditionFalse || c.Reason != corev1.PodReasonUnschedulable {
		return "", time.Time{}
	}
	// What preemption could do comes after the reasons, in the same words.
	reasons, _, _ = strings.Cut(c.Message, " preemption:")
	return reasons, c.LastTransitionTime.Time
}

func isTaken(reasons string) bool {
	return slices.ContainsFunc(takenBy, func(reason string) bool { return strings.Contains(reasons, reason) })
}

// leavesEnough: a resource is short, and the predecessor has as much of it as the
// pod asks for.
func leavesEnough(reasons string, pod, predecessor *corev1.Pod) bool {
	asked := resource.PodRequests(pod, resource.PodResourcesOptions{})
	held := resource.PodRequests(predecessor, resource.PodResourcesOptions{})
	found := false
	for _, match := range insufficient.FindAllStringSubmatch(reasons, -1) {
		want, has := asked[corev1.ResourceName(match[1])], held[corev1.ResourceName(match[1])]
		if want.Cmp(has) > 0 {
			return false
		}
		found = true
	}
	return found
}

func sharePort(pod, predecessor *corev1.Pod) bool {
	held := hostPorts(predecessor)
	for port := range hostPorts(pod) {
		if held[port] {
			return true
		}
	}
	return false
}

func hostPorts(pod *corev1.Pod) map[int32]bool {
	ports := map[int32]bool{}
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for _, c := range list {
			for _, p := range c.Ports {
				if p.HostPort > 0 {
					ports[p.HostPort] = true
				}
			}
		}
	}
	return ports
}
