package testbed

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// leaseSeconds and leasePeriod are a kubelet's: the controller manager takes
	// a node for lost when its lease was not renewed.
	leaseSeconds = 40
	leasePeriod  = 10 * time.Second
	// requestPatience bounds a single request.
	requestPatience = 20 * time.Second
)

// AddNode makes a further node, or takes it over where an earlier run left one. The first
// are named 1 to n; a name does not come back after its node was destroyed, since the
// garbage collector remembers it, and would not wait for the next node of that name.
func (k *Kubelet) AddNode(ctx context.Context) error {
	k.mu.Lock()
	k.nodesMade++
	name := fmt.Sprintf("%s-%d", k.options.NodePrefix, k.nodesMade)
	k.nodeNames = append(k.nodeNames, name)
	k.mu.Unlock()
	return k.registerNode(ctx, name)
}

func (k *Kubelet) registerNode(ctx context.Context, name string) error {
	nodes := k.client.CoreV1().Nodes()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
		corev1.LabelHostname: name, corev1.LabelOSStable: runtime.GOOS, corev1.LabelArchStable: runtime.GOARCH,
	}}}
	created, err := nodes.Create(ctx, node, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		created, err = nodes.Get(ctx, name, metav1.GetOptions{})
	}
	if err != nil {
		return fmt.Errorf("register node %s: %w", name, err)
	}
	if err := k.renewLease(ctx, created); err != nil {
		return err
	}
	// The controller manager has its hands on the node, too; the status is ours
	// whatever it changed.
	created.Status, created.ResourceVersion = nodeStatus(name), ""
	if _, err := nodes.UpdateStatus(ctx, created, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("report node %s ready: %w", name, err)
	}
	return nil
}

// Nodes are the names of the nodes that are there.
func (k *Kubelet) Nodes() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.nodeNames)
}

// DestroyNode has a node vanish with all that runs on it, as a machine does whose
// power goes: no process ends in order, nobody reports an end. Its object is deleted,
// those of its pods stay.
func (k *Kubelet) DestroyNode(ctx context.Context, name string) error {
	k.mu.Lock()
	k.nodeNames = slices.DeleteFunc(k.nodeNames, func(n string) bool { return n == name })
	for _, worker := range k.workers {
		if worker.node == name {
			worker.vanish()
		}
	}
	k.mu.Unlock()
	if err := k.client.CoreV1().Nodes().Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
		return fmt.Errorf("delete node %s: %w", name, err)
	}
	return nil
}

func nodeStatus(name string) corev1.NodeStatus {
	capacity := corev1.ResourceList{
		corev1.ResourceCPU:              resource.MustParse("64"),
		corev1.ResourceMemory:           resource.MustParse("256Gi"),
		corev1.ResourceEphemeralStorage: resource.MustParse("1Ti"),
		corev1.ResourcePods:             resource.MustParse("500"),
	}
	now := metav1.Now()
	return corev1.NodeStatus{
		Capacity: capacity, Allocatable: capacity,
		Conditions: []corev1.NodeCondition{{
			Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastHeartbeatTime: now, LastTransitionTime: now,
			Reason: "KubeletReady", Message: "the testbed runs pods as processes",
		}},
		Addresses: []corev1.NodeAddress{
			{Type: corev1.NodeInternalIP, Address: loopback}, {Type: corev1.NodeHostName, Address: name},
		},
		NodeInfo: corev1.NodeSystemInfo{
			OperatingSystem: runtime.GOOS, Architecture: runtime.GOARCH,
			KubeletVersion: "testbed", ContainerRuntimeVersion: "process://1",
		},
	}
}

// removeNodes ends what AddNode began; pods that are left bound to them are
// then collected by the controller manager.
func (k *Kubelet) removeNodes() error {
	ctx, cancel := context.WithTimeout(context.Background(), requestPatience)
	defer cancel()
	var errs []error
	for _, name := range k.Nodes() {
		err := k.client.CoreV1().Nodes().Delete(ctx, name, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("remove node %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func (k *Kubelet) renewLeases() {
	ticker := time.NewTicker(leasePeriod)
	defer ticker.Stop()
	for {
		select {
		case <-k.ctx.Done():
			return
		case <-ticker.C:
		}
		for _, name := range k.Nodes() {
			node, err := k.nodes.Get(name)
			if err == nil {
				err = k.renewLease(k.ctx, node)
			}
			if err != nil && k.ctx.Err() == nil {
				k.log.Printf("renew the lease of node %s: %v", name, err)
			}
		}
	}
}

func (k *Kubelet) renewLease(ctx context.Context, node *corev1.Node) error {
	leases := k.client.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	seconds, now := int32(leaseSeconds), metav1.NowMicro()
	lease, err := leases.Get(ctx, node.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		_, err = leases.Create(ctx, &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{
				Name: node.Name, Namespace: corev1.NamespaceNodeLease,
				OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: node.Name, UID: node.UID}},
			},
			Spec: coordinationv1.LeaseSpec{HolderIdentity: &node.Name, LeaseDurationSeconds: &seconds, RenewTime: &now},
		}, metav1.CreateOptions{})
	case err == nil:
		lease.Spec.RenewTime = &now
		_, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
	}
	if err != nil {
		return fmt.Errorf("renew the lease of node %s: %w", node.Name, err)
	}
	return nil
}
