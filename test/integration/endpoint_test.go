package integration

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/controllers"
	"github.com/kohort-dev/kohort/internal/activation"
	"github.com/kohort-dev/kohort/test/testbed"
)

// launcher is what the launcher in a pod does with the operator's endpoint, if the
// pod was told of one.
type launcher struct {
	n        *node
	url      string
	client   *http.Client
	token    string
	answered atomic.Bool
}

// launch is the launcher of a pod, started when it is first looked for.
func (n *node) launch(pod *corev1.Pod) *launcher {
	n.t.Helper()
	if l := n.launchers[pod.UID]; l != nil {
		return l
	}
	l := &launcher{n: n}
	n.launchers[pod.UID] = l
	env := map[string]string{}
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		for _, v := range c.Env {
			env[v.Name] = v.Value
		}
	}
	if l.url = env["KOHORT_ENDPOINT"]; l.url == "" {
		return l
	}
	l.client = trusting(n.world, env["KOHORT_ENDPOINT_CA"])
	l.token = n.token(pod, v1alpha1.TokenAudience)
	ctx, stop := context.WithCancel(context.WithoutCancel(n.t.Context()))
	n.t.Cleanup(stop)
	go func() {
		for ctx.Err() == nil && !l.answered.Load() {
			if l.send(ctx, http.MethodGet, activation.PathActivated, l.token) == http.StatusOK {
				l.answered.Store(true)
			} else {
				time.Sleep(pollEvery) // the operator may not listen yet
			}
		}
	}()
	return l
}

func (l *launcher) tell() {
	if l.url != "" {
		l.send(context.WithoutCancel(l.n.t.Context()), http.MethodPost, activation.PathEnded, l.token)
	}
}

// send sends a request and gives the status of its answer; 0 if there is none.
func (l *launcher) send(ctx context.Context, method, path, token string) int {
	request, err := http.NewRequestWithContext(ctx, method, l.url+path, nil)
	if err != nil {
		return 0
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := l.client.Do(request)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

func trusting(w *world, ca string) *http.Client {
	w.t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(ca)) {
		w.t.Fatalf("the pod's certificate of the endpoint is %q", ca)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	w.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// token is one of the namespace's service account, bound to a pod, if there is one.
func (w *world) token(pod *corev1.Pod, audience string) string {
	w.t.Helper()
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: []string{audience}}}
	if pod != nil {
		request.Spec.BoundObjectRef = &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID}
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "default"}}
	w.must(w.client.SubResource("token").Create(w.t.Context(), account, request))
	return request.Status.Token
}

// Pods are activated by the answer to their request, before their annotation; a
// release goes through on the word of their launchers alone, while the kubelet says
// nothing of any end; nobody else is answered.
func TestEndpoint(t *testing.T) {
	w := newWorld(t)
	port := w.startEndpoint()
	w.kafkaCluster()
	group := w.group(2)
	w.nodeUntil("the group is Ready", w.ready)
	first := w.pods()
	if w.node.early != len(first) {
		t.Errorf("%d of %d pods started by the answer to their request", w.node.early, len(first))
	}
	w.nodeUntil("the annotations say so too", func() bool {
		return !slices.ContainsFunc(w.pods(), func(p corev1.Pod) bool { return p.Annotations[v1alpha1.AnnotationActivate] != string(p.UID) })
	})

	w.node.silent = true
	w.change("orders", func(g *v1alpha1.ConsumerGroup) { g.Spec.Template = template("registry.invalid/consumer:2") })
	w.nodeUntil("the release is through", w.ready)
	for _, before := range first {
		var pod corev1.Pod
		w.must(w.client.Get(t.Context(), client.ObjectKeyFromObject(&before), &pod))
		if state := pod.Status.ContainerStatuses[0].State; pod.DeletionTimestamp == nil || state.Terminated != nil {
			t.Errorf("pod %s: deleted at %v, its consumer %v", pod.Name, pod.DeletionTimestamp, state)
		}
	}
	w.node.silent = false
	w.nodeUntil("the old pods are gone", func() bool { return len(w.pods()) == 2 })

	strangers(t, w)
	published(t, w, port)

	w.must(w.client.Delete(t.Context(), group))
	w.nodeUntil("the object is gone", func() bool { return w.gone(group) })
}

// startEndpoint starts the operator with its activation endpoint, behind this port.
func (w *world) startEndpoint() (port string) {
	w.t.Helper()
	address, err := testbed.FreeAddress()
	w.must(err)
	_, port, _ = net.SplitHostPort(address)
	w.startManager(w.serviceAccount(), controllers.Options{Endpoint: controllers.EndpointOptions{
		Address: address, Listen: net.JoinHostPort("", port), Namespace: w.namespace, PodIP: "10.1.2.3",
	}})
	return port
}

func (w *world) ready() bool {
	w.t.Helper()
	return w.is("orders", v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonRunning)
}

// The word of the end counts from the deletion on: before that it is of a consumer
// that a probe has ended, and which the kubelet starts again. The deletion's time
// has no more than seconds, and here both come in one.
func TestWordBeforeTheDeletion(t *testing.T) {
	w := newWorld(t)
	w.startEndpoint()
	w.kafkaCluster()
	w.group(1)
	w.nodeUntil("the group is Ready", w.ready)
	victim := w.pods()[0]
	l := w.node.launch(&victim)
	w.node.deaf = victim.UID

	time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
	l.tell()
	w.must(w.client.Delete(t.Context(), &victim))
	w.must(w.client.Get(t.Context(), client.ObjectKeyFromObject(&victim), &victim))
	if second := victim.DeletionTimestamp.Add(-30 * time.Second).Add(time.Second); !time.Now().Before(second) {
		t.Log("the word and the deletion were not in one second: this run shows less than others")
	}
	w.nodeUntil("its successor waits", func() bool {
		return slices.ContainsFunc(w.pods(), func(p corev1.Pod) bool {
			return p.UID != victim.UID && p.Status.Phase == corev1.PodPending && p.Spec.NodeName != ""
		})
	})
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(pollEvery) {
		w.node.step() // a second consumer of the id would be noticed
	}
	if holder := w.read("orders").Status.State.Slots[0].Holder; holder != victim.UID {
		t.Errorf("pod %s, which has not ended, has lost its slot to %s", victim.UID, holder)
	}

	l.tell() // the consumer runs on, but this one counts
	w.node.kill(victim.UID)
	w.nodeUntil("its successor consumes", func() bool { return len(w.consuming()) == 1 })
	w.node.deaf = ""
}

// strangers are not answered, and their word does not count.
func strangers(t *testing.T, w *world) {
	pod := w.pods()[0]
	l := w.node.launch(&pod)
	for name, token := range map[string]string{
		"no token":                  "",
		"nonsense":                  "nonsense",
		"a token for somebody else": w.token(&pod, "https://kubernetes.default.svc"),
		"a token of the service account, no pod's": w.token(nil, v1alpha1.TokenAudience),
	} {
		for _, request := range [][2]string{{http.MethodGet, activation.PathActivated}, {http.MethodPost, activation.PathEnded}} {
			if status := l.send(t.Context(), request[0], request[1], token); status != http.StatusForbidden && status != http.StatusUnauthorized {
				t.Errorf("%s: %s %s is answered %d", name, request[0], request[1], status)
			}
		}
	}
	// The word of a pod that nobody deletes changes nothing.
	if status := l.send(t.Context(), http.MethodPost, activation.PathEnded, l.token); status != http.StatusNoContent {
		t.Errorf("a pod's word is answered %d", status)
	}
	before := w.consuming()
	w.nodeUntil("the operator has looked again", func() bool { return w.read("orders").Status.Phase == v1alpha1.PhaseRunning })
	if diff := cmp.Diff(before, w.consuming()); diff != "" {
		t.Errorf("after the word of a pod that nobody deletes (-before +after):\n%s", diff)
	}
}

// published: the leader is behind the Service, and the authority is kept for the
// next one.
func published(t *testing.T, w *world, port string) {
	var slice discoveryv1.EndpointSlice
	w.must(w.client.Get(t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "kohort-activation"}, &slice))
	if slice.Labels[discoveryv1.LabelServiceName] != "kohort-activation" || slice.Endpoints[0].Addresses[0] != "10.1.2.3" {
		t.Errorf("the EndpointSlice leads to %v of Service %q", slice.Endpoints, slice.Labels[discoveryv1.LabelServiceName])
	}
	var secret corev1.Secret
	w.must(w.client.Get(t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "kohort-activation-ca"}, &secret))
	options := controllers.EndpointOptions{Address: "127.0.0.1:" + port, Namespace: w.namespace}
	if _, err := controllers.NewEndpoint(t.Context(), w.client, w.client, controllers.NewWitness(), options); err != nil {
		t.Error("the next operator:", err)
	}
	var after corev1.Secret
	w.must(w.client.Get(t.Context(), client.ObjectKeyFromObject(&secret), &after))
	if diff := cmp.Diff(secret.Data, after.Data); diff != "" {
		t.Error("the next operator made an authority of its own")
	}
	secret.Data[corev1.TLSPrivateKeyKey] = []byte("spoilt")
	w.must(w.client.Update(t.Context(), &secret))
	if _, err := controllers.NewEndpoint(t.Context(), w.client, w.client, controllers.NewWitness(), options); err == nil {
		t.Error("a spoilt authority is no error")
	}
}
