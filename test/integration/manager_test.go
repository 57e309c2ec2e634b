package integration

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/yaml"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/controllers"
)

// The controllers in a manager, with its cache, under the rights that the
// operator's service account has: a group comes up, a release goes through, a slot
// is refilled without a loss, the group goes.
func TestManager(t *testing.T) {
	w := newWorld(t)
	w.startManager(w.serviceAccount(), controllers.Options{})
	w.kafkaCluster()
	group := w.group(2)
	w.nodeUntil("the group is Ready", func() bool {
		return w.is("orders", v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonRunning)
	})
	before := w.consuming()

	w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Template = template("registry.invalid/consumer:2") })
	w.nodeUntil("the release is through", func() bool {
		return w.is("orders", v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonRunning)
	})
	if diff := cmp.Diff([]string{"registry.invalid/consumer:2", "registry.invalid/consumer:2"}, images(w.pods())); diff != "" {
		t.Errorf("the pods' images (-want +got):\n%s", diff)
	}
	after := w.consuming()
	for id := range before {
		if after[id] == "" {
			t.Errorf("instance %s is gone after the release: %v", id, after)
		}
	}

	victim := w.pods()[0]
	id := victim.Annotations[v1alpha1.AnnotationInstanceID]
	w.must(w.client.Delete(t.Context(), &victim))
	w.nodeUntil("the slot is refilled", func() bool {
		uid := w.consuming()[id]
		return uid != "" && uid != string(victim.UID)
	})

	w.must(w.client.Delete(t.Context(), group))
	w.nodeUntil("the object is gone", func() bool { return w.gone(group) })
	want := []string{"Started", "RolloutStarted", "SlotHandedOver", "RolloutSucceeded", "MemberRemoved"}
	w.nodeUntil("the events are there", func() bool { return len(w.missingEvents(want)) == 0 })
	if missing := w.missingEvents([]string{"PodLost"}); len(missing) == 0 {
		t.Error("a pod that ended in the sight of its watch was taken for lost")
	}
}

// startManager starts the controllers for the world's namespace, and ends them
// with the test.
func (w *world) startManager(config *rest.Config, options controllers.Options) {
	w.t.Helper()
	cached, err := controllers.CacheOptions()
	w.must(err)
	cached.DefaultNamespaces = map[string]cache.Config{w.namespace: {}}
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:     scheme,
		Cache:      cached,
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Controller: ctrlconfig.Controller{SkipNameValidation: ptr.To(true)},
	})
	w.must(err)
	options.LauncherImage = "registry.invalid/launcher:1"
	w.must(controllers.Setup(mgr, options))
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	w.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			w.t.Errorf("the manager: %v", err)
		}
	})
}

// serviceAccount is an operator's, with the roles that are installed for it. The
// world's namespace is the operator's own.
func (w *world) serviceAccount() *rest.Config {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "config", "rbac", "role.yaml"))
	w.must(err)
	everywhere, here, ok := bytes.Cut(bytes.TrimPrefix(text, []byte("---\n")), []byte("---\n"))
	if !ok {
		w.t.Fatal("role.yaml should be a ClusterRole and a Role")
	}
	var clusterRole rbacv1.ClusterRole
	w.must(yaml.UnmarshalStrict(everywhere, &clusterRole))
	clusterRole.Name = w.namespace
	w.must(w.client.Create(w.t.Context(), &clusterRole))
	var role rbacv1.Role
	w.must(yaml.UnmarshalStrict(here, &role))
	role.Namespace = w.namespace
	w.must(w.client.Create(w.t.Context(), &role))
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "kohort"}}
	w.must(w.client.Create(w.t.Context(), account))
	subjects := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: w.namespace, Name: account.Name}}
	w.must(w.client.Create(w.t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: w.namespace},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: clusterRole.Name},
		Subjects:   subjects,
	}))
	w.must(w.client.Create(w.t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: role.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
		Subjects:   subjects,
	}))
	config, err := plane.ServiceAccountConfig(w.t.Context(), w.namespace, account.Name)
	w.must(err)
	return config
}

// nodeUntil lets the node work until a condition holds, while a manager does the
// rest.
func (w *world) nodeUntil(what string, holds func() bool) {
	w.t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(pollEvery) {
		w.node.step()
		if time.Now().After(end) {
			w.t.Fatalf("not after %s: %s\n%s", patience, what, w.describe())
		}
	}
}

// missingEvents are those of the reasons that no event of the namespace has.
func (w *world) missingEvents(reasons []string) []string {
	w.t.Helper()
	var told eventsv1.EventList
	w.must(w.client.List(w.t.Context(), &told, client.InNamespace(w.namespace)))
	return slices.DeleteFunc(slices.Clone(reasons), func(reason string) bool {
		return slices.ContainsFunc(told.Items, func(e eventsv1.Event) bool { return e.Reason == reason })
	})
}
