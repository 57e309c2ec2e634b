package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/ptr"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/lab"
)

// subject is something that releases a new version of a group.
type subject struct {
	name, title string
	start       func(context.Context, *bench) error
	release     func(context.Context, *bench) error
	stop        func(context.Context, *bench) error
}

var subjects = []subject{
	{"kohort", "Kohort, Rolling", startKohort, releaseKohort, stopKohort},
	{"deployment", "Deployment, dynamic members", startDeployment, releaseDeployment, stopDeployment},
	{"statefulset", "StatefulSet, static members", startStatefulSet, releaseStatefulSet, stopStatefulSet},
}

// bench is one group under measurement.
type bench struct {
	lab  *lab.Lab
	name string
}

func version(name string) lab.Version { return lab.Version{Name: name, Records: true} }

func (b *bench) meta() metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: b.name, Namespace: namespace}
}

// until reads an object again and again until something holds.
func until[T ctrlclient.Object](ctx context.Context, b *bench, object T, holds func(T) bool) error {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		if err := b.lab.Client.Get(ctx, ctrlclient.ObjectKey{Namespace: namespace, Name: b.name}, object); err != nil {
			return fmt.Errorf("read %s: %w", b.name, err)
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
func change[T ctrlclient.Object](ctx context.Context, b *bench, object T, how func(T)) error {
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		if err := b.lab.Client.Get(ctx, ctrlclient.ObjectKey{Namespace: namespace, Name: b.name}, object); err != nil {
			return err
		}
		how(object)
		return b.lab.Client.Update(ctx, object)
	})
	if err != nil {
		return fmt.Errorf("change %s: %w", b.name, err)
	}
	return nil
}

// noPods waits until no pod of the group is left.
func (b *bench) noPods(ctx context.Context, labels ctrlclient.MatchingLabels) error {
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		var pods corev1.PodList
		if err := b.lab.Client.List(ctx, &pods, ctrlclient.InNamespace(namespace), labels); err != nil {
			return fmt.Errorf("list the pods of %s: %w", b.name, err)
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

func startKohort(ctx context.Context, b *bench) error {
	cg := b.lab.Group(namespace, b.name, slots, version("v1"))
	cg.Spec.Rollout.Gate.SettledSeconds = ptr.To[int32](3)
	if err := b.lab.Client.Create(ctx, cg); err != nil {
		return fmt.Errorf("create ConsumerGroup %s: %w", b.name, err)
	}
	return until(ctx, b, &v1alpha1.ConsumerGroup{}, func(cg *v1alpha1.ConsumerGroup) bool {
		return cg.Status.ReadyReplicas == slots && cg.Status.Phase == v1alpha1.PhaseRunning
	})
}

func releaseKohort(ctx context.Context, b *bench) error {
	err := change(ctx, b, &v1alpha1.ConsumerGroup{}, func(cg *v1alpha1.ConsumerGroup) { cg.Spec.Template = version("v2").Raw(b.name) })
	if err != nil {
		return err
	}
	return until(ctx, b, &v1alpha1.ConsumerGroup{}, func(cg *v1alpha1.ConsumerGroup) bool {
		s := cg.Status
		return s.ObservedGeneration == cg.Generation && s.StableRevision == s.UpdateRevision && s.ReadyReplicas == slots &&
			s.UpdatedReplicas == slots && s.Phase == v1alpha1.PhaseRunning
	})
}

func stopKohort(ctx context.Context, b *bench) error {
	if err := b.lab.Client.Delete(ctx, &v1alpha1.ConsumerGroup{ObjectMeta: b.meta()}); err != nil {
		return fmt.Errorf("delete ConsumerGroup %s: %w", b.name, err)
	}
	return b.noPods(ctx, ctrlclient.MatchingLabels{v1alpha1.LabelGroup: b.name})
}

// template is the sample consumer's, with what Kohort would inject.
func (b *bench) template(v string, static bool) (corev1.PodTemplateSpec, error) {
	var t corev1.PodTemplateSpec
	if err := json.Unmarshal(version(v).Raw(b.name).Raw, &t); err != nil {
		return t, fmt.Errorf("make a template: %w", err)
	}
	app := &t.Spec.Containers[0]
	app.Env = append(app.Env,
		corev1.EnvVar{Name: v1alpha1.EnvBootstrapServers, Value: b.lab.Bootstrap()},
		corev1.EnvVar{Name: v1alpha1.EnvGroupID, Value: b.name},
		corev1.EnvVar{Name: v1alpha1.EnvSessionTimeoutMS, Value: "45000"},
		corev1.EnvVar{Name: v1alpha1.EnvHeartbeatInterval, Value: "3000"},
	)
	if static {
		app.Env = append(app.Env, corev1.EnvVar{Name: v1alpha1.EnvGroupInstanceID, ValueFrom: &corev1.EnvVarSource{
			FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"},
		}})
	}
	return t, nil
}

func (b *bench) selector() *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"app": b.name}}
}

func startDeployment(ctx context.Context, b *bench) error {
	t, err := b.template("v1", false)
	if err != nil {
		return err
	}
	d := &appsv1.Deployment{ObjectMeta: b.meta(), Spec: appsv1.DeploymentSpec{
		Replicas: ptr.To[int32](slots), Selector: b.selector(), Template: t,
		Strategy: appsv1.DeploymentStrategy{Type: appsv1.RollingUpdateDeploymentStrategyType, RollingUpdate: &appsv1.RollingUpdateDeployment{
			MaxSurge: ptr.To(intstr.FromInt32(1)), MaxUnavailable: ptr.To(intstr.FromInt32(0)),
		}},
	}}
	if err := b.lab.Client.Create(ctx, d); err != nil {
		return fmt.Errorf("create Deployment %s: %w", b.name, err)
	}
	return until(ctx, b, &appsv1.Deployment{}, func(d *appsv1.Deployment) bool { return d.Status.ReadyReplicas == slots })
}

func releaseDeployment(ctx context.Context, b *bench) error {
	t, err := b.template("v2", false)
	if err != nil {
		return err
	}
	if err := change(ctx, b, &appsv1.Deployment{}, func(d *appsv1.Deployment) { d.Spec.Template = t }); err != nil {
		return err
	}
	return until(ctx, b, &appsv1.Deployment{}, func(d *appsv1.Deployment) bool {
		s := d.Status
		return s.ObservedGeneration == d.Generation && s.UpdatedReplicas == slots && s.Replicas == slots && s.ReadyReplicas == slots
	})
}

func stopDeployment(ctx context.Context, b *bench) error {
	background := ctrlclient.PropagationPolicy(metav1.DeletePropagationBackground)
	if err := b.lab.Client.Delete(ctx, &appsv1.Deployment{ObjectMeta: b.meta()}, background); err != nil {
		return fmt.Errorf("delete Deployment %s: %w", b.name, err)
	}
	return b.noPods(ctx, ctrlclient.MatchingLabels{"app": b.name})
}

func startStatefulSet(ctx context.Context, b *bench) error {
	t, err := b.template("v1", true)
	if err != nil {
		return err
	}
	s := &appsv1.StatefulSet{ObjectMeta: b.meta(), Spec: appsv1.StatefulSetSpec{
		Replicas: ptr.To[int32](slots), Selector: b.selector(), Template: t,
	}}
	if err := b.lab.Client.Create(ctx, s); err != nil {
		return fmt.Errorf("create StatefulSet %s: %w", b.name, err)
	}
	return until(ctx, b, &appsv1.StatefulSet{}, func(s *appsv1.StatefulSet) bool { return s.Status.ReadyReplicas == slots })
}

func releaseStatefulSet(ctx context.Context, b *bench) error {
	t, err := b.template("v2", true)
	if err != nil {
		return err
	}
	if err := change(ctx, b, &appsv1.StatefulSet{}, func(s *appsv1.StatefulSet) { s.Spec.Template = t }); err != nil {
		return err
	}
	return until(ctx, b, &appsv1.StatefulSet{}, func(s *appsv1.StatefulSet) bool {
		st := s.Status
		return st.ObservedGeneration == s.Generation && st.UpdatedReplicas == slots && st.ReadyReplicas == slots && st.UpdateRevision == st.CurrentRevision
	})
}

func stopStatefulSet(ctx context.Context, b *bench) error {
	background := ctrlclient.PropagationPolicy(metav1.DeletePropagationBackground)
	if err := b.lab.Client.Delete(ctx, &appsv1.StatefulSet{ObjectMeta: b.meta()}, background); err != nil {
		return fmt.Errorf("delete StatefulSet %s: %w", b.name, err)
	}
	return b.noPods(ctx, ctrlclient.MatchingLabels{"app": b.name})
}
