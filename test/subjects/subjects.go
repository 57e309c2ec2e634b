// Package subjects are what can run a consumer group, and release a new version of it:
// Kohort, and what people use without it. The benchmarks compare them.
package subjects

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// The versions that are released.
const (
	First  = "v1"
	Second = "v2"
)

// Subject is something that runs a group. Each step waits until it is done, unless it
// says otherwise.
type Subject struct {
	Name, Title string
	// Start runs version v1, Release replaces it by v2, Stop ends it.
	Start, Release, Stop func(context.Context, Group) error
	// Scale asks for so many consumers, and waits for none.
	Scale func(ctx context.Context, g Group, replicas int32) error
}

// Kohort is a ConsumerGroup with the strategy Rolling; how changes it.
func Kohort(name, title string, how func(*v1alpha1.ConsumerGroup)) Subject {
	start := func(ctx context.Context, g Group) error { return startKohort(ctx, g, how) }
	return Subject{name, title, start, releaseKohort, stopKohort, scaleKohort}
}

// Process has a successor wait in its consumer's own container.
func Process(cg *v1alpha1.ConsumerGroup) {
	cg.Spec.Membership.Activation = v1alpha1.ActivationProcess
}

// Never has the predecessor stop first.
func Never(cg *v1alpha1.ConsumerGroup) { cg.Spec.Rollout.Warm = v1alpha1.WarmNever }

// The peers.
var (
	Deployment  = Subject{"deployment", "Deployment, dynamic members", startDeployment, releaseDeployment, stopDeployment, scaleDeployment}
	StatefulSet = Subject{"statefulset", "StatefulSet, static members", startStatefulSet, releaseStatefulSet, stopStatefulSet, scaleStatefulSet}
)

// Group is a group under measurement. Its id, its topic and its objects share a
// name.
type Group struct {
	Client          ctrlclient.Client
	Namespace, Name string
	Slots           int32
	// Cluster is the KafkaCluster's name.
	Cluster string
	// Bootstrap is the brokers' address, as consumers take it.
	Bootstrap string
	// Template is the consumer's in a version, as Kohort takes it.
	Template func(version string) corev1.PodTemplateSpec
	// Peer completes the template for a peer, which injects nothing: the identity is
	// in the variables of Kohort's preset Env. Nil: the consumer reads those.
	Peer func(*corev1.PodTemplateSpec)
	// Session is the session timeout; zero: 45 s. With Protocol Consumer it is the broker's
	// for the peers, 45 s unless it is configured otherwise.
	Session time.Duration
	// Protocol of the group; "": Classic.
	Protocol v1alpha1.Protocol
	// Change changes the ConsumerGroup, whoever releases it. Nil: nothing.
	Change func(*v1alpha1.ConsumerGroup)
}

func (g Group) meta() metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: g.Name, Namespace: g.Namespace}
}

func (g Group) key() ctrlclient.ObjectKey {
	return ctrlclient.ObjectKey{Namespace: g.Namespace, Name: g.Name}
}

// until reads an object again and again until something holds.
func until[T ctrlclient.Object](ctx context.Context, g Group, object T, holds func(T) bool) error {
	ticker := time.NewTicker(250 * time.Millisecond)
	defer ticker.Stop()
	for {
		if err := g.Client.Get(ctx, g.key(), object); err != nil {
			return fmt.Errorf("read %s: %w", g.Name, err)
		}
		if holds(object) {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

// change changes an object as kubectl apply would.
func change[T ctrlclient.Object](ctx context.Context, g Group, object T, how func(T)) error {
	if err := g.Client.Get(ctx, g.key(), object); err != nil {
		return fmt.Errorf("change %s: %w", g.Name, err)
	}
	before := object.DeepCopyObject().(T)
	how(object)
	if err := g.Client.Patch(ctx, object, ctrlclient.MergeFrom(before)); err != nil {
		return fmt.Errorf("change %s: %w", g.Name, err)
	}
	return nil
}

// noPods waits until no pod of the group is left.
func (g Group) noPods(ctx context.Context, labels ctrlclient.MatchingLabels) error {
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		var pods corev1.PodList
		if err := g.Client.List(ctx, &pods, ctrlclient.InNamespace(g.Namespace), labels); err != nil {
			return fmt.Errorf("list the pods of %s: %w", g.Name, err)
		}
		if len(pods.Items) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

func startKohort(ctx context.Context, g Group, how func(*v1alpha1.ConsumerGroup)) error {
	template, err := g.raw(First)
	if err != nil {
		return err
	}
	cg := &v1alpha1.ConsumerGroup{ObjectMeta: g.meta(), Spec: v1alpha1.ConsumerGroupSpec{
		Kafka:  v1alpha1.KafkaRef{ClusterRef: v1alpha1.ClusterRef{Name: g.Cluster}},
		Topics: []string{g.Name}, Replicas: &g.Slots, Template: template,
		Membership: v1alpha1.Membership{Protocol: g.Protocol, SessionTimeout: v1alpha1.SessionTimeout{
			MinSeconds: ptr.To(int32(g.session() / time.Second)),
		}},
		Rollout: v1alpha1.Rollout{Gate: v1alpha1.Gate{SettledSeconds: ptr.To[int32](8)}},
	}}
	for _, change := range []func(*v1alpha1.ConsumerGroup){g.Change, how} {
		if change != nil {
			change(cg)
		}
	}
	if err := g.Client.Create(ctx, cg); err != nil {
		return fmt.Errorf("create ConsumerGroup %s: %w", g.Name, err)
	}
	return until(ctx, g, &v1alpha1.ConsumerGroup{}, func(cg *v1alpha1.ConsumerGroup) bool {
		return cg.Status.ReadyReplicas == g.Slots && cg.Status.Phase == v1alpha1.PhaseRunning
	})
}

func releaseKohort(ctx context.Context, g Group) error {
	template, err := g.raw(Second)
	if err == nil {
		err = change(ctx, g, &v1alpha1.ConsumerGroup{}, func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Template = template })
	}
	if err != nil {
		return err
	}
	return until(ctx, g, &v1alpha1.ConsumerGroup{}, func(cg *v1alpha1.ConsumerGroup) bool {
		s := cg.Status
		return s.ObservedGeneration == cg.Generation && s.StableRevision == s.UpdateRevision && s.ReadyReplicas == g.Slots &&
			s.UpdatedReplicas == g.Slots && s.Phase == v1alpha1.PhaseRunning
	})
}

func scaleKohort(ctx context.Context, g Group, replicas int32) error {
	return change(ctx, g, &v1alpha1.ConsumerGroup{}, func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Replicas = &replicas })
}

func stopKohort(ctx context.Context, g Group) error {
	if err := g.Client.Delete(ctx, &v1alpha1.ConsumerGroup{ObjectMeta: g.meta()}); err != nil {
		return fmt.Errorf("delete ConsumerGroup %s: %w", g.Name, err)
	}
	return g.noPods(ctx, ctrlclient.MatchingLabels{v1alpha1.LabelGroup: g.Name})
}

func (g Group) raw(version string) (runtime.RawExtension, error) {
	raw, err := json.Marshal(g.Template(version))
	if err != nil {
		return runtime.RawExtension{}, fmt.Errorf("make a template: %w", err)
	}
	return runtime.RawExtension{Raw: raw}, nil
}

// peerTemplate is the consumer's with what Kohort would inject.
func (g Group) peerTemplate(version string, static bool) corev1.PodTemplateSpec {
	t := g.Template(version)
	app := &t.Spec.Containers[0]
	app.Env = append(app.Env,
		corev1.EnvVar{Name: v1alpha1.EnvBootstrapServers, Value: g.Bootstrap},
		corev1.EnvVar{Name: v1alpha1.EnvGroupID, Value: g.Name},
	)
	if g.Protocol == v1alpha1.ProtocolConsumer {
		app.Env = append(app.Env, corev1.EnvVar{Name: v1alpha1.EnvGroupProtocol, Value: "consumer"})
	} else {
		app.Env = append(app.Env,
			corev1.EnvVar{Name: v1alpha1.EnvSessionTimeoutMS, Value: strconv.FormatInt(g.session().Milliseconds(), 10)},
			corev1.EnvVar{Name: v1alpha1.EnvHeartbeatInterval, Value: "3000"},
		)
	}
	if static {
		app.Env = append(app.Env, corev1.EnvVar{Name: v1alpha1.EnvGroupInstanceID, ValueFrom: &corev1.EnvVarSource{
			FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"},
		}})
	}
	t.Labels = g.labels()
	if g.Peer != nil {
		g.Peer(&t)
	}
	return t
}

func (g Group) session() time.Duration { return cmp.Or(g.Session, 45*time.Second) }

func (g Group) labels() map[string]string { return map[string]string{"app": g.Name} }

func (g Group) selector() *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: g.labels()}
}

func startDeployment(ctx context.Context, g Group) error {
	d := &appsv1.Deployment{ObjectMeta: g.meta(), Spec: appsv1.DeploymentSpec{
		Replicas: ptr.To(g.Slots), Selector: g.selector(), Template: g.peerTemplate(First, false),
		Strategy: appsv1.DeploymentStrategy{Type: appsv1.RollingUpdateDeploymentStrategyType, RollingUpdate: &appsv1.RollingUpdateDeployment{
			MaxSurge: ptr.To(intstr.FromInt32(1)), MaxUnavailable: ptr.To(intstr.FromInt32(0)),
		}},
	}}
	if err := g.Client.Create(ctx, d); err != nil {
		return fmt.Errorf("create Deployment %s: %w", g.Name, err)
	}
	return until(ctx, g, &appsv1.Deployment{}, func(d *appsv1.Deployment) bool { return d.Status.ReadyReplicas == g.Slots })
}

func releaseDeployment(ctx context.Context, g Group) error {
	if err := change(ctx, g, &appsv1.Deployment{}, func(d *appsv1.Deployment) { d.Spec.Template = g.peerTemplate(Second, false) }); err != nil {
		return err
	}
	return until(ctx, g, &appsv1.Deployment{}, func(d *appsv1.Deployment) bool {
		s := d.Status
		return s.ObservedGeneration == d.Generation && s.UpdatedReplicas == g.Slots && s.Replicas == g.Slots && s.ReadyReplicas == g.Slots
	})
}

func scaleDeployment(ctx context.Context, g Group, replicas int32) error {
	return change(ctx, g, &appsv1.Deployment{}, func(d *appsv1.Deployment) { d.Spec.Replicas = &replicas })
}

func stopDeployment(ctx context.Context, g Group) error {
	background := ctrlclient.PropagationPolicy(metav1.DeletePropagationBackground)
	if err := g.Client.Delete(ctx, &appsv1.Deployment{ObjectMeta: g.meta()}, background); err != nil {
		return fmt.Errorf("delete Deployment %s: %w", g.Name, err)
	}
	return g.noPods(ctx, g.labels())
}

func startStatefulSet(ctx context.Context, g Group) error {
	s := &appsv1.StatefulSet{ObjectMeta: g.meta(), Spec: appsv1.StatefulSetSpec{
		Replicas: ptr.To(g.Slots), Selector: g.selector(), Template: g.peerTemplate(First, true),
	}}
	if err := g.Client.Create(ctx, s); err != nil {
		return fmt.Errorf("create StatefulSet %s: %w", g.Name, err)
	}
	return until(ctx, g, &appsv1.StatefulSet{}, func(s *appsv1.StatefulSet) bool { return s.Status.ReadyReplicas == g.Slots })
}

func releaseStatefulSet(ctx context.Context, g Group) error {
	if err := change(ctx, g, &appsv1.StatefulSet{}, func(s *appsv1.StatefulSet) { s.Spec.Template = g.peerTemplate(Second, true) }); err != nil {
		return err
	}
	return until(ctx, g, &appsv1.StatefulSet{}, func(s *appsv1.StatefulSet) bool {
		st := s.Status
		return st.ObservedGeneration == s.Generation && st.UpdatedReplicas == g.Slots && st.ReadyReplicas == g.Slots && st.UpdateRevision == st.CurrentRevision
	})
}

func scaleStatefulSet(ctx context.Context, g Group, replicas int32) error {
	return change(ctx, g, &appsv1.StatefulSet{}, func(s *appsv1.StatefulSet) { s.Spec.Replicas = &replicas })
}

func stopStatefulSet(ctx context.Context, g Group) error {
	background := ctrlclient.PropagationPolicy(metav1.DeletePropagationBackground)
	if err := g.Client.Delete(ctx, &appsv1.StatefulSet{ObjectMeta: g.meta()}, background); err != nil {
		return fmt.Errorf("delete StatefulSet %s: %w", g.Name, err)
	}
	return g.noPods(ctx, g.labels())
}
