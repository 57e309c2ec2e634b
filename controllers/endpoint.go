package controllers

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/activation"
	"github.com/kohort-dev/kohort/internal/pods"
)

const (
	// endpointService is the Service under which pods reach the leader. It selects
	// no pods: the leader writes its EndpointSlice.
	endpointService = "kohort-activation"
	// authoritySecret keeps the endpoint's authority, which pods that were made by
	// an earlier operator trust.
	authoritySecret = "kohort-activation-ca"
	// fieldOwner is who applies what the operator applies.
	fieldOwner = "kohort"
	// endpointBacklog is how many words of pods wait for the reconciler before
	// their senders do.
	endpointBacklog = 1024
)

// EndpointOptions say where the activation endpoint is. Without an address there
// is none, and pods are activated by their annotation alone.
type EndpointOptions struct {
	// Address is host:port as pods reach the leader.
	Address string
	// Listen is where the operator listens.
	Listen string
	// Namespace of the operator, for its authority and its Service.
	Namespace string
	// PodIP of the operator, behind the Service; empty: Address leads here directly.
	PodIP string
}

// Endpoint is the activation endpoint. It listens while this operator leads.
type Endpoint struct {
	options   EndpointOptions
	host      string        // of options.Address
	client    client.Client // reads from the cache
	reader    client.Reader // reads from the API server
	witness   *Witness
	authority *activation.Authority
	server    *activation.Server
	// heard are the pods of which a launcher has asked or told something.
	heard chan event.GenericEvent
}

// +kubebuilder:rbac:groups=authentication.k8s.io,resources=tokenreviews,verbs=create
// +kubebuilder:rbac:groups="",namespace=kohort-system,resources=secrets,verbs=create

// NewEndpoint makes the endpoint, with the authority that is kept in the
// operator's namespace, or a new one.
func NewEndpoint(ctx context.Context, c client.Client, reader client.Reader, witness *Witness, options EndpointOptions) (*Endpoint, error) {
	host, _, err := net.SplitHostPort(options.Address)
	if err != nil {
		return nil, fmt.Errorf("the address of the activation endpoint is %q: it must be host:port: %w", options.Address, err)
	}
	if options.Namespace == "" {
		return nil, errors.New("the activation endpoint needs the operator's namespace")
	}
	authority, err := keptAuthority(ctx, c, reader, options.Namespace)
	if err != nil {
		return nil, err
	}
	e := &Endpoint{
		options: options, host: host, client: c, reader: reader, witness: witness, authority: authority,
		heard: make(chan event.GenericEvent, endpointBacklog),
	}
	e.server = &activation.Server{
		Review: func(ctx context.Context, token string) (activation.Pod, error) { return review(ctx, c, token) },
		Asked:  e.wake,
		Ended:  e.hear,
		Now:    time.Now,
	}
	return e, nil
}

// hear takes the word of a pod's launcher that its consumer has ended, if the pod is
// on its way out. A liveness probe that fails makes a launcher say so too, and then
// the kubelet starts the consumer again: what is said before the deletion is nothing.
func (e *Endpoint) hear(ctx context.Context, pod activation.Pod) error {
	now := time.Now()
	leaves, err := e.leaves(ctx, pod)
	if err != nil {
		return err
	}
	if leaves {
		e.witness.Heard(pod.UID, now)
	}
	e.wake(pod)
	return nil
}

// leaves says whether a pod is being deleted, which is never taken back.
func (e *Endpoint) leaves(ctx context.Context, told activation.Pod) (bool, error) {
	for _, from := range []client.Reader{e.client, e.reader} {
		var pod corev1.Pod
		err := from.Get(ctx, told.NamespacedName, &pod)
		if client.IgnoreNotFound(err) != nil {
			return false, fmt.Errorf("looking whether pod %s is being deleted: %w", told.NamespacedName, err)
		}
		if err == nil && pod.UID == told.UID && pod.DeletionTimestamp != nil {
			return true, nil
		}
	}
	return false, nil
}

// wake has the reconciler look at a pod's group.
func (e *Endpoint) wake(pod activation.Pod) {
	e.heard <- event.GenericEvent{Object: &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name}}}
}

// keptAuthority reads the authority from its Secret. The first operator makes it.
func keptAuthority(ctx context.Context, c client.Client, reader client.Reader, namespace string) (*activation.Authority, error) {
	key := client.ObjectKey{Namespace: namespace, Name: authoritySecret}
	secret := &corev1.Secret{}
	err := reader.Get(ctx, key, secret)
	if apierrors.IsNotFound(err) {
		secret, err = makeAuthority(ctx, c, key)
		if apierrors.IsAlreadyExists(err) { // another replica was quicker
			secret = &corev1.Secret{}
			err = reader.Get(ctx, key, secret)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the authority of the activation endpoint in Secret %s: %w", key, err)
	}
	authority, err := activation.ParseAuthority(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		return nil, fmt.Errorf("delete Secret %s and restart the operator, which makes another: %w", key, err)
	}
	return authority, nil
}

func makeAuthority(ctx context.Context, c client.Client, key client.ObjectKey) (*corev1.Secret, error) {
	authority, err := activation.NewAuthority(time.Now())
	if err != nil {
		return nil, err
	}
	certificate, private, err := authority.PEM()
	if err != nil {
		return nil, err
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name},
		Type:       corev1.SecretTypeTLS,
		Data:       map[string][]byte{corev1.TLSCertKey: certificate, corev1.TLSPrivateKeyKey: private},
	}
	return secret, c.Create(ctx, secret)
}

// review asks the API server whose a token is. The names of the extra fields are
// those of bound service account tokens (KEP-2799).
func review(ctx context.Context, c client.Client, token string) (activation.Pod, error) {
	r := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{
		Token: token, Audiences: []string{v1alpha1.TokenAudience},
	}}
	if err := c.Create(ctx, r); err != nil {
		return activation.Pod{}, fmt.Errorf("reviewing a pod's token: %w", err)
	}
	name := r.Status.User.Extra["authentication.kubernetes.io/pod-name"]
	uid := r.Status.User.Extra["authentication.kubernetes.io/pod-uid"]
	account, isAccount := strings.CutPrefix(r.Status.User.Username, "system:serviceaccount:")
	namespace, _, _ := strings.Cut(account, ":")
	if !r.Status.Authenticated || !isAccount || len(name) != 1 || len(uid) != 1 {
		return activation.Pod{}, activation.ErrNotAPod
	}
	return activation.Pod{
		NamespacedName: types.NamespacedName{Namespace: namespace, Name: name[0]},
		UID:            types.UID(uid[0]),
	}, nil
}

// forPods is what a pod is told of the endpoint; nothing, if there is none.
func (e *Endpoint) forPods() pods.Endpoint {
	if e == nil {
		return pods.Endpoint{}
	}
	return pods.Endpoint{URL: "https://" + e.options.Address, CA: string(e.authority.Certificate())}
}

// events are those of the groups whose pods were heard.
func (e *Endpoint) events(pods client.Reader) source.Source {
	return source.Channel(e.heard, handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, told client.Object) []reconcile.Request {
		pod := &corev1.Pod{}
		if err := pods.Get(ctx, client.ObjectKeyFromObject(told), pod); err != nil {
			return nil // it is gone, and that was told
		}
		return groupOfPod(ctx, pod)
	}))
}

// activate answers a pod's open request.
func (e *Endpoint) activate(uid types.UID) activation.Answer {
	if e == nil {
		return activation.Unasked
	}
	return e.server.Activate(uid)
}

// waits says whether a pod is known to wait for its activation.
func (e *Endpoint) waits(uid types.UID) bool { return e != nil && e.server.Waits(uid) }

// service under which the leader is reached.
func (e *Endpoint) service() leaderService {
	return leaderService{client: e.client, namespace: e.options.Namespace, name: endpointService, port: "activation", podIP: e.options.PodIP}
}

// Start serves until the end. A manager calls it when this operator leads.
func (e *Endpoint) Start(ctx context.Context) error {
	listener, err := net.Listen("tcp", e.options.Listen)
	if err != nil {
		return fmt.Errorf("listening for the activation endpoint: %w", err)
	}
	if err := e.service().lead(ctx, listener); err != nil {
		// Pods are activated by their annotation all the same.
		logf.FromContext(ctx).Error(err, "The activation endpoint cannot be reached by pods")
	}
	server := &http.Server{Handler: e.server.Handler(), ReadHeaderTimeout: 10 * time.Second}
	if err := serve(ctx, server, tls.NewListener(listener, e.authority.ServerConfig(e.host, time.Now))); err != nil {
		return fmt.Errorf("serving the activation endpoint: %w", err)
	}
	return nil
}
