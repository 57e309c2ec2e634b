// Package e2e tests Kohort where people run it: on a cluster, with containers,
// real kubelets and Kafka beside it. `make e2e` runs all of it, `make e2e-smoke`
// what is labelled smoke.
//
// Every case has a namespace, a topic and a group of its own, and is held to the
// same at its end: no record is lost, none is consumed by two pods at once,
// nothing is left behind, no operator restarted by itself, and its log has no
// error that the case does not explain. What a failed case leaves in dist/e2e:
// objects, events, logs, and a timeline of what everybody said about the group.
package e2e

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	ctrl "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/kohort-dev/kohort/test/e2e/world"
)

const (
	// patience is how long anything may take before it is taken for stuck.
	patience = 3 * time.Minute
	// partitions of every topic.
	partitions = 6
)

// stage is where all cases take place.
var stage *world.World

func TestE2E(t *testing.T) {
	ctrl.SetLogger(GinkgoLogr)
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(patience)
	SetDefaultEventuallyPollingInterval(200 * time.Millisecond)
	EnforceDefaultTimeoutsWhenUsingContexts()
	RunSpecs(t, "Kohort on a cluster")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	// Without the folder of an earlier run, nobody takes its logs for this run's.
	out, err := filepath.Abs("../../dist/e2e")
	Expect(err).NotTo(HaveOccurred())
	Expect(os.RemoveAll(out)).To(Succeed())
	options := world.Options{
		Brokers: 3, KafkaImage: kafkaImage(), Out: out, Progress: GinkgoWriter,
		Images: []string{world.SpringImage, world.QuarkusImage, world.StreamsImage, world.PythonImage},
	}
	if os.Getenv("E2E_SMOKE") != "" { // the smoke cases run alone
		options.Brokers, options.Images = 1, nil
	}
	stage, err = world.Start(ctx, options)
	Expect(err).NotTo(HaveOccurred())
}, NodeTimeout(10*time.Minute))

var _ = AfterSuite(func(ctx SpecContext) {
	if stage != nil {
		Expect(stage.Stop(ctx)).To(Succeed())
	}
}, NodeTimeout(2*time.Minute))

func kafkaImage() string {
	if image := os.Getenv("KAFKA_IMAGE"); image != "" {
		return image
	}
	return "apache/kafka:4.4.0"
}
