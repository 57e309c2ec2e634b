package pods

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/rand"
)

// Kinds of a Config.
const (
	KindConfigMap = "ConfigMap"
	KindSecret    = "Secret"
)

// Config is a ConfigMap or a Secret that a template names.
type Config struct{ Kind, Name string }

func (c Config) String() string { return c.Kind + " " + c.Name }

// Configs are those that reach the containers of a template, as files or in their
// environment, sorted and each once. What pulls images is none of them.
func Configs(template *corev1.PodTemplateSpec) []Config {
	var all []Config
	add := func(kind, name string) {
		if name != "" {
			all = append(all, Config{kind, name})
		}
	}
	for _, v := range template.Spec.Volumes {
		if v.ConfigMap != nil {
			add(KindConfigMap, v.ConfigMap.Name)
		}
		if v.Secret != nil {
			add(KindSecret, v.Secret.SecretName)
		}
		if v.Projected == nil {
			continue
		}
		for _, source := range v.Projected.Sources {
			if source.ConfigMap != nil {
				add(KindConfigMap, source.ConfigMap.Name)
			}
			if source.Secret != nil {
				add(KindSecret, source.Secret.Name)
			}
		}
	}
	for _, c := range slices.Concat(template.Spec.InitContainers, template.Spec.Containers) {
		for _, from := range c.EnvFrom {
			if from.ConfigMapRef != nil {
				add(KindConfigMap, from.ConfigMapRef.Name)
			}
			if from.SecretRef != nil {
				add(KindSecret, from.SecretRef.Name)
			}
		}
		for _, env := range c.Env {
			if env.ValueFrom != nil && env.ValueFrom.ConfigMapKeyRef != nil {
				add(KindConfigMap, env.ValueFrom.ConfigMapKeyRef.Name)
			}
			if env.ValueFrom != nil && env.ValueFrom.SecretKeyRef != nil {
				add(KindSecret, env.ValueFrom.SecretKeyRef.Name)
			}
		}
	}
	slices.SortFunc(all, func(a, b Config) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) })
	return slices.Compact(all)
}

// RevisionWith is a revision together with what the ConfigMaps and Secrets hold that its
// template names; nil for one that does not exist.
func RevisionWith(revision string, contents map[Config]map[string][]byte) string {
	hash := sha256.New()
	fmt.Fprintf(hash, "%q\n", revision)
	configs := slices.SortedFunc(maps.Keys(contents), func(a, b Config) int { return cmp.Compare(a.String(), b.String()) })
	for _, c := range configs {
		fmt.Fprintf(hash, "%q %t\n", c, contents[c] == nil)
		for _, key := range slices.Sorted(maps.Keys(contents[c])) {
			fmt.Fprintf(hash, "%q=%q\n", key, contents[c][key])
		}
	}
	return rand.SafeEncodeString(hex.EncodeToString(hash.Sum(nil))[:revisionLength])
}
