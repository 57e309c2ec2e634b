package controllers

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/internal/pods"
)

// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get

// configsFor is how long what was read of ConfigMaps and Secrets is good for. They are asked
// for one by one: a watch would be of all Secrets of the cluster.
const configsFor = 10 * time.Second

// configured is a revision, bare and with what its ConfigMaps and Secrets held at a time.
type configured struct {
	bare, revision string
	at             time.Time
}

// withConfigs makes what the ConfigMaps and Secrets hold that the template names a part of
// its revision, where that is asked for.
func (r *ConsumerGroupReconciler) withConfigs(ctx context.Context, s seen) (seen, error) {
	s.bare = pods.Revision(s.group.Spec)
	s.template, s.revision = s.bare, s.bare
	if !s.group.Spec.Rollout.IncludeConfig {
		return s, nil
	}
	if known := s.recalls.configs; known.bare != s.bare || s.now.Sub(known.at) >= configsFor {
		template, err := presentData(s.group).parse()
		if err != nil {
			return s, nil // what is wrong with a template is said when it is tried
		}
		contents := map[pods.Config]map[string][]byte{}
		for _, c := range pods.Configs(template) {
			if contents[c], err = r.contentOf(ctx, s.group.Namespace, c); err != nil {
				return s, fmt.Errorf("reading %s/%s, which the template names, for rollout.includeConfig: %w", s.group.Namespace, c, err)
			}
		}
		s.recalls.configs = configured{s.bare, pods.RevisionWith(s.bare, contents), s.now}
	}
	s.template = s.recalls.configs.revision
	s.revision = s.template
	return s, nil
}

// contentOf a ConfigMap or a Secret; nil if it does not exist.
func (r *ConsumerGroupReconciler) contentOf(ctx context.Context, namespace string, c pods.Config) (map[string][]byte, error) {
	key := client.ObjectKey{Namespace: namespace, Name: c.Name}
	content := map[string][]byte{}
	var err error
	if c.Kind == pods.KindSecret {
		var secret corev1.Secret
		err = r.APIReader.Get(ctx, key, &secret)
		for name, value := range secret.Data {
			content[name] = value
		}
	} else {
		var config corev1.ConfigMap
		err = r.APIReader.Get(ctx, key, &config)
		for name, value := range config.Data {
			content[name] = []byte(value)
		}
		for name, value := range config.BinaryData {
			content[name] = value
		}
	}
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return content, err
}
