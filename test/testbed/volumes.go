package testbed

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// accessVolumePrefix begins the name of the volume with the token that admission
// adds to every pod. Process pods could not find it at its path anyway.
const accessVolumePrefix = "kube-api-access-"

// volume is a folder on this machine that stands for a pod's volume.
type volume struct {
	folder string
	// downward are the files of the downward API, and what was written to them.
	downward []corev1.DownwardAPIVolumeFile
	written  map[string]string
}

// makeVolumes makes all of them, or says which could not be made.
func (w *podWorker) makeVolumes(ctx context.Context) error {
	for i := range w.pod.Spec.Volumes {
		spec := &w.pod.Spec.Volumes[i]
		if err := w.makeVolume(ctx, spec); err != nil {
			return fmt.Errorf("set up volume %q: %w", spec.Name, err)
		}
	}
	return nil
}

func (w *podWorker) makeVolume(ctx context.Context, spec *corev1.Volume) error {
	v := &volume{folder: filepath.Join(w.dir, "volumes", spec.Name), written: map[string]string{}}
	if spec.HostPath != nil {
		v.folder = spec.HostPath.Path
	} else if err := os.MkdirAll(v.folder, 0o777); err != nil {
		return fmt.Errorf("make its folder: %w", err)
	}
	w.volumes[spec.Name] = v
	switch {
	case spec.EmptyDir != nil, spec.HostPath != nil, strings.HasPrefix(spec.Name, accessVolumePrefix):
		return nil
	case spec.DownwardAPI != nil:
		v.downward = spec.DownwardAPI.Items
		return w.writeDownward(v)
	case spec.ConfigMap != nil:
		values, err := w.configMap(ctx, spec.ConfigMap.Name)
		if err != nil {
			return ignoreMissing(err, spec.ConfigMap.Optional)
		}
		return v.writeItems(values, spec.ConfigMap.Items)
	case spec.Secret != nil:
		values, err := w.secret(ctx, spec.Secret.SecretName)
		if err != nil {
			return ignoreMissing(err, spec.Secret.Optional)
		}
		return v.writeItems(values, spec.Secret.Items)
	case spec.Projected != nil:
		return w.writeProjected(ctx, v, spec.Projected)
	}
	return errors.New("the testbed knows emptyDir, hostPath, downwardAPI, configMap, secret and projected tokens only")
}

// writeProjected writes the tokens of the pod's service account, bound to the pod.
// They are not renewed: no test takes so long.
func (w *podWorker) writeProjected(ctx context.Context, v *volume, spec *corev1.ProjectedVolumeSource) error {
	account := w.pod.Spec.ServiceAccountName
	if account == "" {
		account = "default"
	}
	for _, source := range spec.Sources {
		wanted := source.ServiceAccountToken
		if wanted == nil {
			return errors.New("of projected volumes the testbed knows serviceAccountToken only")
		}
		request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
			ExpirationSeconds: wanted.ExpirationSeconds,
			BoundObjectRef:    &authenticationv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: w.name, UID: w.uid},
		}}
		if wanted.Audience != "" {
			request.Spec.Audiences = []string{wanted.Audience}
		}
		made, err := w.k.client.CoreV1().ServiceAccounts(w.namespace).CreateToken(ctx, account, request, metav1.CreateOptions{})
		if err != nil {
			return fmt.Errorf("ask for a token of service account %s: %w", account, err)
		}
		if err := v.write(map[string]string{wanted.Path: made.Status.Token}); err != nil {
			return err
		}
	}
	return nil
}

// writeItems writes the values under their keys, or the chosen ones under the
// names chosen for them.
func (v *volume) writeItems(values map[string]string, items []corev1.KeyToPath) error {
	files := values
	if len(items) > 0 {
		files = map[string]string{}
		for _, item := range items {
			value, ok := values[item.Key]
			if !ok {
				return fmt.Errorf("references non-existent key %s", item.Key)
			}
			files[item.Path] = value
		}
	}
	return v.write(files)
}

// project keeps the downward API's files as the pod's annotations and labels are.
func (w *podWorker) project() {
	if w.annotatedAt.IsZero() || !w.due(w.annotatedAt.Add(w.k.options.Delays.projection(w.uid))) {
		return
	}
	for name, v := range w.volumes {
		if err := w.writeDownward(v); err != nil {
			w.event(corev1.EventTypeWarning, "FailedMount", fmt.Sprintf("update volume %q: %v", name, err))
		}
	}
}

func (w *podWorker) writeDownward(v *volume) error {
	files := map[string]string{}
	for _, item := range v.downward {
		if item.FieldRef == nil {
			return fmt.Errorf("the testbed knows fieldRef only, for file %s", item.Path)
		}
		value, err := w.field(item.FieldRef.FieldPath)
		if err != nil {
			return err
		}
		files[item.Path] = value
	}
	return v.write(files)
}

// write replaces those files that are not yet so, each at once: a reader sees the
// old content or the new one.
func (v *volume) write(files map[string]string) error {
	for name, content := range files {
		if previous, ok := v.written[name]; ok && previous == content {
			continue
		}
		path := filepath.Join(v.folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return fmt.Errorf("make the folder of %s: %w", name, err)
		}
		temporary := filepath.Join(filepath.Dir(path), "..new-"+filepath.Base(path))
		if err := os.WriteFile(temporary, []byte(content), 0o644); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		if err := os.Rename(temporary, path); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	maps.Copy(v.written, files)
	return nil
}
