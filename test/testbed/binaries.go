package testbed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// AssetsVariable names a folder with ready-made binaries, as setup-envtest makes
// it; with it nothing is built.
const AssetsVariable = "KUBEBUILDER_ASSETS"

// Paths are the programs of a control plane.
type Paths struct {
	KubeAPIServer, Etcd, Kubectl string
	// KubeControllerManager is "" where there is none: then nothing collects
	// garbage and no namespace gets its default service account.
	KubeControllerManager string
}

// programs are the names that the control plane's one binary answers to.
var programs = []string{"etcd", "kube-apiserver", "kube-controller-manager", "kubectl"}

// Binaries finds the control plane's programs, and builds them where
// KUBEBUILDER_ASSETS does not say where they are. What it builds it keeps in the
// user's cache folder. It tells of its progress, since a first build takes
// minutes; progress may be nil.
func Binaries(ctx context.Context, progress io.Writer) (Paths, error) {
	if progress == nil {
		progress = io.Discard
	}
	if folder := os.Getenv(AssetsVariable); folder != "" {
		return assets(folder, progress)
	}
	folder, err := BuildControlPlane(ctx, progress)
	if err != nil {
		return Paths{}, err
	}
	return pathsIn(folder), nil
}

func pathsIn(folder string) Paths {
	return Paths{
		Etcd:                  filepath.Join(folder, "etcd"),
		KubeAPIServer:         filepath.Join(folder, "kube-apiserver"),
		KubeControllerManager: filepath.Join(folder, "kube-controller-manager"),
		Kubectl:               filepath.Join(folder, "kubectl"),
	}
}

// assets looks into a folder that somebody else has filled.
func assets(folder string, progress io.Writer) (Paths, error) {
	paths := pathsIn(folder)
	for _, path := range []string{paths.Etcd, paths.KubeAPIServer, paths.Kubectl} {
		if _, err := os.Stat(path); err != nil {
			return Paths{}, fmt.Errorf("%s is set to %s, which has no usable %s: run setup-envtest again, or unset it to have the control plane built: %w",
				AssetsVariable, folder, filepath.Base(path), err)
		}
	}
	_, err := os.Stat(paths.KubeControllerManager)
	if errors.Is(err, os.ErrNotExist) {
		paths.KubeControllerManager = ""
		_, err = fmt.Fprintf(progress, "%s has no kube-controller-manager: nothing collects garbage, enforces quotas or makes service accounts; unset %s to have one built\n",
			folder, AssetsVariable)
	}
	if err != nil {
		return Paths{}, fmt.Errorf("look for the control plane in %s: %w", folder, err)
	}
	return paths, nil
}
