// Package pods knows what a pod of a ConsumerGroup looks like: how it is made
// from the template, which revision a template is, and what a pod's status says
// about its consumer. It is pure: values in, values out.
//
// A pod that Kohort makes waits warm until it is activated:
//
//	kohort-install       copies the launcher into the volume kohort-bin
//	kohort-check-NAME    one per container of the template: runs the launcher in
//	                     that container's image and exits, so that the image is
//	                     on the node and its settings work before anybody stops
//	(the template's own init containers)
//	kohort-gate          native sidecar: its startup probe is held until the
//	                     annotation kohort.dev/activate equals the pod's UID
//	(the template's containers)
//
// The kubelet starts the template's containers once the gate's startup probe
// has succeeded. Until then the pod is scheduled, pulled and initialised, and
// no member of the group.
//
// With the activation Process there is no gate. The command of the consumer's
// container is the launcher, which starts the template's command at the
// activation; the container's startup probe is held instead of the gate's, and
// then answered as the template's own probes would have it.
package pods
