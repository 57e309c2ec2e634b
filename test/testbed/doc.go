// Package testbed is everything that Kohort needs around it to run for real, on
// one machine, without root and without Docker:
//
//	Binaries           kube-apiserver, etcd, kube-controller-manager and kubectl,
//	                   built once from Go modules and kept in the user's cache
//	StartControlPlane  a Kubernetes API with garbage collection, quota and
//	                   disruption budgets, but no scheduler and no kubelet
//	StartKubelet       a stand-in for both: binds pods to nodes and runs their
//	                   containers as local processes
//
// A typical beginning, with everything stopped in reverse:
//
//	plane, err := testbed.StartControlPlane(ctx, testbed.Options{Progress: os.Stderr})
//	...
//	defer plane.Stop()
//	kubelet, err := testbed.StartKubelet(ctx, testbed.KubeletOptions{
//		Config: plane.Config,
//		Images: map[string]testbed.Image{"consumer:1": {Entrypoint: []string{"/path/to/consumer"}}},
//	})
//	...
//	defer kubelet.Stop()
//
// # Process pods
//
// A container is a process, its image a name for a command on this machine.
// There is no chroot and no network namespace, so two things are rewritten:
//
//   - every command, argument and variable that is, or begins with, one of the
//     container's mount paths names the volume's folder on the host instead;
//   - every declared containerPort is a free port of the host; a variable whose
//     name ends in PORT and whose value is a declared containerPort gets that
//     port, as do the members "port" of one that is a JSON object, and probes are
//     sent to it. Every pod's address is 127.0.0.1.
//
// Everything else is meant to be what a kubelet does, in the order in which it
// does it: init containers, native sidecars, probes, back-off, the statuses and
// when they are written, the end of a pod. KubeletOptions.Delays adds how long a
// real kubelet takes.
//
// What is not there: resources are not enforced, security contexts are ignored,
// there are no lifecycle hooks, no ephemeral containers and no in-place image
// changes, and the automatic volume with the service account's token stays empty.
// A pod that asks for another volume or field that is not known stays Pending
// with an event that says so.
//
// # Nothing is left behind
//
// Every child, the control plane's and the pods', is started by package process
// and dies with the testbed's process, even after kill -9. Only the folder then
// stays, kohort-testbed-* or kohort-kubelet-* among the temporary files. Others of
// those names may belong to a testbed that runs: remove one by its full name.
package testbed
