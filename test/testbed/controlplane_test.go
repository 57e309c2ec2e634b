package testbed_test

import (
	"os/exec"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

func TestKubectlSeesTheVersion(t *testing.T) {
	command := exec.Command(plane.Paths.Kubectl, "--kubeconfig", plane.Kubeconfig, "get", "--raw", "/version")
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	if !strings.Contains(string(output), `"minor": "`) {
		t.Errorf("kubectl printed %s", output)
	}
}

func TestUsersAreBoundByRBAC(t *testing.T) {
	config, err := plane.UserConfig("somebody", "some-group")
	if err != nil {
		t.Fatal(err)
	}
	_, err = kubernetes.NewForConfigOrDie(config).CoreV1().Pods("default").List(t.Context(), metav1.ListOptions{})
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), `"somebody"`) {
		t.Errorf("a user without a role listed pods: %v", err)
	}
}

func TestServiceAccountsAreKnown(t *testing.T) {
	namespace := newNamespace(t)
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "operator"}}
	if _, err := client.CoreV1().ServiceAccounts(namespace).Create(t.Context(), account, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	config, err := plane.ServiceAccountConfig(t.Context(), namespace, "operator")
	if err != nil {
		t.Fatal(err)
	}
	_, err = kubernetes.NewForConfigOrDie(config).CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{})
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), `system:serviceaccount:`+namespace+`:operator`) {
		t.Errorf("the service account is not known by its name: %v", err)
	}
}
