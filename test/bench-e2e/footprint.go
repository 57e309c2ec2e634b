package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kohort-dev/kohort/test/e2e/world"
)

// footprint is what the operator took of the machine, all replicas together.
type footprint struct {
	memory   int64 // working sets, bytes
	cpu      time.Duration
	replicas int // for which it was measured
}

func (f footprint) String() string {
	return fmt.Sprintf("%d replicas, working sets of %d MB together, %.1f s of CPU time", f.replicas, f.memory>>20, f.cpu.Seconds())
}

// summary is the part of a kubelet's /stats/summary that has containers.
type summary struct {
	Pods []struct {
		PodRef     struct{ Name, Namespace string }
		Containers []struct {
			CPU    struct{ UsageCoreNanoSeconds int64 }
			Memory struct{ WorkingSetBytes int64 }
		}
	}
}

// footprintOf the operator, since its pods were started, by their kubelets.
func footprintOf(ctx context.Context, w *world.World) (f footprint, err error) {
	pods, err := w.Clientset.CoreV1().Pods(world.OperatorNamespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return f, fmt.Errorf("list the operator's pods: %w", err)
	}
	for _, pod := range pods.Items {
		body, err := w.Clientset.CoreV1().RESTClient().Get().AbsPath("/api/v1/nodes", pod.Spec.NodeName, "proxy/stats/summary").DoRaw(ctx)
		if err != nil {
			return f, fmt.Errorf("ask the kubelet of node %s: %w", pod.Spec.NodeName, err)
		}
		var s summary
		if err := json.Unmarshal(body, &s); err != nil {
			return f, fmt.Errorf("read what the kubelet of node %s says: %w", pod.Spec.NodeName, err)
		}
		for _, p := range s.Pods {
			if p.PodRef.Name != pod.Name || p.PodRef.Namespace != pod.Namespace {
				continue
			}
			f.replicas++
			for _, c := range p.Containers {
				f.memory += c.Memory.WorkingSetBytes
				f.cpu += time.Duration(c.CPU.UsageCoreNanoSeconds)
			}
		}
	}
	return f, nil
}
