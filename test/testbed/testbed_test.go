package testbed_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/kohort-dev/kohort/test/testbed"
)

// patience is how long a test waits for what must happen; nothing here takes a
// tenth of it on a quiet machine.
const patience = time.Minute

var (
	plane  *testbed.ControlPlane
	client *kubernetes.Clientset
)

func TestMain(m *testing.M) {
	if os.Getenv(programVariable) != "" {
		beProgram(os.Args[1:])
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	plane, err = testbed.StartControlPlane(context.Background(), testbed.Options{Progress: os.Stderr})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		if err := plane.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}()
	client, err = kubernetes.NewForConfig(plane.Config)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// newNamespace makes a namespace in which pods can be created.
func newNamespace(t *testing.T) string {
	t.Helper()
	namespace, err := client.CoreV1().Namespaces().Create(t.Context(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the namespace has its service account", func() bool {
		_, err := client.CoreV1().ServiceAccounts(namespace.Name).Get(t.Context(), "default", metav1.GetOptions{})
		return err == nil
	})
	return namespace.Name
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if condition() {
			return
		}
	}
	t.Fatalf("not after %s: %s", patience, what)
}
