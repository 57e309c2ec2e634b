package controllers

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/client-go/discovery"
)

// oldest is the first Kubernetes that runs native sidecars without being asked to
// (KEP-753, feature SidecarContainers): before it, a pod that waits would never end
// its initialization.
var oldest = version.MustParseGeneric("1.29.0")

// checkVersion refuses a cluster that is too old. One that names its version in an
// unknown way is taken as it is.
func checkVersion(server discovery.ServerVersionInterface) error {
	info, err := server.ServerVersion()
	if err != nil {
		return fmt.Errorf("asking the API server for its version: %w", err)
	}
	if v, err := version.ParseGeneric(info.GitVersion); err == nil && v.LessThan(oldest) {
		return fmt.Errorf("the cluster runs Kubernetes %s: Kohort needs %d.%d or later, for native sidecars", info.GitVersion, oldest.Major(), oldest.Minor())
	}
	return nil
}
