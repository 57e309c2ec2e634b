package testbed

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kohort-dev/kohort/test/testbed/process"
)

// processSpec is what a container runs on this machine.
func (w *podWorker) processSpec(ctx context.Context, c *container) (process.Spec, error) {
	env, err := w.environment(ctx, c)
	if err != nil {
		return process.Spec{}, err
	}
	command := c.spec.Command
	if len(command) == 0 {
		command = c.image.Entrypoint
	}
	command = append(slices.Clone(command), c.spec.Args...)
	if len(command) == 0 {
		return process.Spec{}, fmt.Errorf("container %s has no command, and image %q has no entrypoint", c.spec.Name, c.spec.Image)
	}
	for i, word := range command {
		command[i] = w.hostPath(c, expand(word, env))
	}
	dir := filepath.Join(w.dir, "containers", c.spec.Name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return process.Spec{}, fmt.Errorf("make the working folder of container %s: %w", c.spec.Name, err)
	}
	if onHost := w.hostPath(c, c.spec.WorkingDir); onHost != c.spec.WorkingDir {
		dir = onHost
	}
	all := w.hostEnvironment(c, env, dir)
	return process.Spec{Path: lookUp(command[0], all), Args: command[1:], Env: all, Dir: dir}, nil
}

// lookUp finds a program in the container's PATH; if it is in none of its folders,
// whoever starts it will say so.
func lookUp(program string, env []string) string {
	if strings.Contains(program, "/") {
		return program
	}
	for _, variable := range env {
		path, ok := strings.CutPrefix(variable, "PATH=")
		if !ok {
			continue
		}
		for _, folder := range filepath.SplitList(path) {
			if found, err := exec.LookPath(filepath.Join(folder, program)); err == nil {
				return found
			}
		}
	}
	return program
}

// portMember is a port in JSON.
var portMember = regexp.MustCompile(`"port":[0-9]+`)

// hostEnvironment turns a container's variables into those of the process.
func (w *podWorker) hostEnvironment(c *container, env map[string]string, dir string) []string {
	// What every image has in some way or other.
	all := map[string]string{"PATH": os.Getenv("PATH"), "HOME": dir, "HOSTNAME": w.name}
	maps.Copy(all, c.image.Env)
	for name, value := range env {
		value = w.hostPath(c, value)
		switch {
		case strings.HasSuffix(name, "PORT"):
			value = w.hostPort(value)
		case strings.HasPrefix(value, "{"):
			value = portMember.ReplaceAllStringFunc(value, func(member string) string {
				key, port, _ := strings.Cut(member, ":")
				return key + ":" + w.hostPort(port)
			})
		}
		all[name] = value
	}
	var list []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, name+"="+all[name])
	}
	return list
}

// hostPath replaces a mount path at the beginning of a value by the volume's
// folder. Of nested mounts the innermost counts.
func (w *podWorker) hostPath(c *container, value string) string {
	best, onHost := "", value
	for _, mount := range c.spec.VolumeMounts {
		path := strings.TrimSuffix(mount.MountPath, "/")
		volume := w.volumes[mount.Name]
		if volume == nil || len(path) <= len(best) || value != path && !strings.HasPrefix(value, path+"/") {
			continue
		}
		best = path
		onHost = filepath.Join(volume.folder, mount.SubPath) + strings.TrimPrefix(value, path)
	}
	return onHost
}

// hostPort replaces a declared port by the one that it has on this machine.
func (w *podWorker) hostPort(value string) string {
	port, err := strconv.ParseInt(value, 10, 32)
	if err != nil {
		return value
	}
	if onHost, ok := w.ports[int32(port)]; ok {
		return strconv.Itoa(onHost)
	}
	return value
}

// assignPorts finds a port on this machine for each that the pod declares.
func (w *podWorker) assignPorts() error {
	assigned := map[int32]int{}
	for _, c := range w.containers {
		for _, declared := range c.spec.Ports {
			if _, ok := assigned[declared.ContainerPort]; ok {
				continue
			}
			port := int(declared.HostPort)
			if port == 0 {
				var err error
				if port, err = freePort(); err != nil {
					return fmt.Errorf("find a port for %d: %w", declared.ContainerPort, err)
				}
			}
			assigned[declared.ContainerPort] = port
		}
	}
	w.setPorts(assigned)
	return nil
}

// environment is a container's variables as the pod's author wrote them.
func (w *podWorker) environment(ctx context.Context, c *container) (map[string]string, error) {
	env := map[string]string{}
	for _, source := range c.spec.EnvFrom {
		if err := w.addAll(ctx, env, source); err != nil {
			return nil, err
		}
	}
	for _, variable := range c.spec.Env {
		value := expand(variable.Value, env)
		if variable.ValueFrom != nil {
			var found bool
			var err error
			value, found, err = w.valueFrom(ctx, variable.ValueFrom)
			if err != nil {
				return nil, fmt.Errorf("variable %s of container %s: %w", variable.Name, c.spec.Name, err)
			}
			if !found {
				continue
			}
		}
		env[variable.Name] = value
	}
	return env, nil
}

func (w *podWorker) addAll(ctx context.Context, env map[string]string, source corev1.EnvFromSource) error {
	var values map[string]string
	var optional *bool
	var err error
	switch {
	case source.ConfigMapRef != nil:
		optional = source.ConfigMapRef.Optional
		values, err = w.configMap(ctx, source.ConfigMapRef.Name)
	case source.SecretRef != nil:
		optional = source.SecretRef.Optional
		values, err = w.secret(ctx, source.SecretRef.Name)
	}
	if err != nil {
		return ignoreMissing(err, optional)
	}
	for name, value := range values {
		env[source.Prefix+name] = value
	}
	return nil
}

// valueFrom looks a variable's value up; found is false for what is optional and
// missing.
func (w *podWorker) valueFrom(ctx context.Context, source *corev1.EnvVarSource) (value string, found bool, err error) {
	switch {
	case source.FieldRef != nil:
		value, err = w.field(source.FieldRef.FieldPath)
		return value, true, err
	case source.ConfigMapKeyRef != nil:
		ref := source.ConfigMapKeyRef
		values, err := w.configMap(ctx, ref.Name)
		return pick(values, err, ref.Key, "config map "+ref.Name, ref.Optional)
	case source.SecretKeyRef != nil:
		ref := source.SecretKeyRef
		values, err := w.secret(ctx, ref.Name)
		return pick(values, err, ref.Key, "secret "+ref.Name, ref.Optional)
	}
	return "", false, errors.New("the testbed knows fieldRef, configMapKeyRef and secretKeyRef only")
}

func pick(values map[string]string, err error, key, where string, optional *bool) (string, bool, error) {
	if err != nil {
		return "", false, ignoreMissing(err, optional)
	}
	value, ok := values[key]
	if !ok && (optional == nil || !*optional) {
		return "", false, fmt.Errorf("couldn't find key %s in %s", key, where)
	}
	return value, ok, nil
}

// ignoreMissing drops the error that an optional object is not there.
func ignoreMissing(err error, optional *bool) error {
	if optional != nil && *optional && apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// expand replaces $(NAME) by a variable's value, as Kubernetes does: an unknown
// one is left as it is, and $$ is a plain dollar sign.
func expand(text string, env map[string]string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '$' || i+1 == len(text) {
			out.WriteByte(text[i])
			continue
		}
		switch text[i+1] {
		case '$':
			out.WriteByte('$')
			i++
		case '(':
			end := strings.IndexByte(text[i:], ')')
			if end < 0 {
				out.WriteByte('$')
				continue
			}
			reference := text[i : i+end+1]
			if value, ok := env[reference[2:len(reference)-1]]; ok {
				reference = value
			}
			out.WriteString(reference)
			i += end
		default:
			out.WriteByte('$')
		}
	}
	return out.String()
}
