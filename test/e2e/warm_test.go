package e2e

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/e2e/world"
)

// noRoom is why a successor finds no room beside its predecessor.
type noRoom struct {
	slots   int32
	prepare func(ctx SpecContext, namespace string)
	change  func(*corev1.PodTemplateSpec)
	says    string
}

var _ = Describe("A successor that has no room beside its predecessor", func() {
	for name, c := range map[string]noRoom{
		"because of anti-affinity": {slots: 2, change: apart, says: "anti-affinity"},
		"because of a host port":   {slots: 2, prepare: allowHostPorts, change: onHostPort, says: "free ports"},
		"because of a volume":      {slots: 1, prepare: makeVolume, change: withVolume, says: "ReadWriteOncePod"},
		"because of a quota":       {slots: 2, prepare: makeQuota, says: "exceeded quota"},
	} {
		It(name+" follows it", func(ctx SpecContext) {
			g := create(ctx, c.slots, func(cg *v1alpha1.ConsumerGroup) {
				cg.Spec.Template = world.Consumer{Topic: cg.Namespace, Version: "v1", Change: c.change}.Raw()
				if c.prepare != nil {
					c.prepare(ctx, cg.Namespace)
				}
			})
			g.running(ctx, c.slots)
			before := g.rebalances()
			g.release(ctx, world.Consumer{Version: "v2", Change: c.change})
			g.released(ctx, c.slots)
			Eventually(g.told).WithContext(ctx).WithArguments("StoppedFirst").Should(HaveEach(ContainSubstring(c.says)))
			Expect(g.rebalances()-before).To(BeZero(), "rebalances")
		}, SpecTimeout(6*time.Minute))
	}
})

// told are the texts of the group's events of a kind.
func (g *group) told(ctx context.Context, reason string) (texts []string) {
	var all eventsv1.EventList
	Expect(stage.Client.List(ctx, &all, ctrlclient.InNamespace(g.namespace))).To(Succeed())
	for _, event := range all.Items {
		if event.Regarding.Name == groupName && event.Reason == reason {
			texts = append(texts, event.Note)
		}
	}
	return texts
}

// apart wants a node for each pod of the group.
func apart(t *corev1.PodTemplateSpec) {
	t.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
			TopologyKey:   corev1.LabelHostname,
			LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{v1alpha1.LabelGroup: groupName}},
		}},
	}}
}

// allowHostPorts lifts what a restricted namespace forbids.
func allowHostPorts(ctx SpecContext, namespace string) {
	n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	lift := []byte(`{"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}`)
	Expect(stage.Client.Patch(ctx, n, ctrlclient.RawPatch(types.MergePatchType, lift))).To(Succeed())
}

// onHostPort takes a port of its node, of which there are two that work.
func onHostPort(t *corev1.PodTemplateSpec) { t.Spec.Containers[0].Ports[0].HostPort = 18080 }

// withVolume has the one pod of its group use a volume that nobody else may.
func withVolume(t *corev1.PodTemplateSpec) {
	t.Spec.Volumes = append(t.Spec.Volumes, corev1.Volume{Name: groupName, VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: groupName},
	}})
	t.Spec.Containers[0].VolumeMounts = append(t.Spec.Containers[0].VolumeMounts, corev1.VolumeMount{Name: groupName, MountPath: "/data"})
}

// makeVolume makes it, and a claim to it, whatever the cluster provides.
func makeVolume(ctx SpecContext, namespace string) {
	modes := []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOncePod}
	size := corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Mi")}
	volume := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: namespace}, Spec: corev1.PersistentVolumeSpec{
		AccessModes: modes, Capacity: size, PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
		PersistentVolumeSource: corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{
			Path: "/var/tmp/" + namespace, Type: ptr.To(corev1.HostPathDirectoryOrCreate),
		}},
	}}
	Expect(stage.Client.Create(ctx, volume)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { Expect(stage.Client.Delete(ctx, volume)).To(Succeed()) })
	Expect(stage.Client.Create(ctx, &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: groupName},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: modes, StorageClassName: ptr.To(""), VolumeName: namespace, Resources: corev1.VolumeResourceRequirements{Requests: size},
		},
	})).To(Succeed())
}

// makeQuota leaves room for the producer and two consumers.
func makeQuota(ctx SpecContext, namespace string) {
	Expect(stage.Client.Create(ctx, &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "pods"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("3")}},
	})).To(Succeed())
}
