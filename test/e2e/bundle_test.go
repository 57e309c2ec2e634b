package e2e

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	eventsv1 "k8s.io/api/events/v1"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/test/e2e/kafka"
	"github.com/kohort-dev/kohort/test/e2e/timeline"
	"github.com/kohort-dev/kohort/test/e2e/world"
)

// bundle writes down what a person needs to see why the case failed, beside the
// logs of its pods.
func (g *group) bundle(ctx SpecContext) {
	dir := filepath.Join(stage.Out, g.namespace)
	for file, args := range map[string][]string{
		"objects.yaml": {"-n", g.namespace, "get", "consumergroups,kafkaclusters,rolloutrecords,pods,controllerrevisions", "-o", "yaml"},
		"objects.txt":  {"-n", g.namespace, "get", "consumergroups,kafkaclusters,rolloutrecords,pods", "-o", "wide"},
		"events.txt":   {"-n", g.namespace, "get", "events", "--sort-by=.metadata.creationTimestamp"},
		"nodes.txt":    {"describe", "nodes"},
	} {
		text, err := stage.Kubectl(ctx, args...)
		if err != nil {
			text += err.Error()
		}
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			GinkgoWriter.Println("failed to write", file, err)
		}
	}
	if err := g.timeline(ctx, filepath.Join(dir, "timeline.txt")); err != nil {
		GinkgoWriter.Println("failed to write the timeline:", err)
	}
	AddReportEntry("what the case left", dir)
}

// timeline writes what everybody said about the group, in order.
func (g *group) timeline(ctx SpecContext, path string) error {
	var all timeline.Timeline
	var events eventsv1.EventList
	err := stage.Client.List(ctx, &events, ctrlclient.InNamespace(g.namespace))
	all.Events(events.Items)
	for pattern, add := range map[string]func(who string, log io.Reader) error{
		g.logs.Pattern("", world.Container):                                all.Consumer,
		filepath.Join(stage.Out, world.OperatorNamespace, "*_manager.log"): func(who string, log io.Reader) error { return all.Operator(who, g.namespace, log) },
		filepath.Join(stage.Out, kafka.Namespace, "*_kafka.log"):           func(who string, log io.Reader) error { return all.Broker(who, g.namespace, log) },
	} {
		logs, _ := filepath.Glob(pattern) // the patterns are good ones
		for _, log := range logs {
			file, failed := os.Open(log)
			if failed == nil {
				failed = errors.Join(add(strings.TrimSuffix(filepath.Base(log), ".log"), file), file.Close())
			}
			err = errors.Join(err, failed)
		}
	}
	file, failed := os.Create(path)
	if failed != nil {
		return errors.Join(err, failed)
	}
	return errors.Join(err, all.Write(file), file.Close())
}
