package broker_test

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/kafka"
	"github.com/kohort-dev/kohort/internal/lag"
	"github.com/kohort-dev/kohort/internal/membership"
	"github.com/kohort-dev/kohort/internal/pods"
)

func TestStreams(t *testing.T) {
	needs(t, "java", "mvn")
	sameBehaviour(t, client{start: startStreams, fenced: "FencedInstanceIdException"})
	t.Run("ids", streamsInstanceIDs)
	t.Run("tasks", streamsTasks)
	t.Run("ready", streamsReady)
}

func startStreams(t *testing.T, topic, instance string, env map[string]string) sample {
	t.Helper()
	return startJava(t, "", "consumer-streams/consumer-streams.jar", renamed(t, v1alpha1.InjectKafkaStreams, memberEnv(topic, instance, env)))
}

// streamsInstanceIDs shows that Kafka Streams numbers its threads as Kohort expects.
func streamsInstanceIDs(t *testing.T) {
	for _, threads := range []int32{1, 2} {
		t.Run(fmt.Sprint(threads), func(t *testing.T) {
			topic := freshTopic(t, 3, 1)
			naming := pods.Naming(topic, v1alpha1.Consumer{Inject: v1alpha1.InjectKafkaStreams, ConsumersPerPod: &threads})
			s := startStreams(t, topic, naming.Base(3), map[string]string{"THREADS": fmt.Sprint(threads)})
			hasIDs(t, s, topic, naming.IDs(3))
		})
	}
}

// streamsTasks shows what decides how many slots can own a partition: two topics that
// are read together are one source of tasks, and those go to pods first.
func streamsTasks(t *testing.T) {
	topic, second := freshTopic(t, 4, 1), fresh(t)+"-second"
	if err := shared.CreateTopic(t.Context(), second, 2); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"THREADS": "2", "TOPICS": topic + "," + second}
	var members []sample
	var ids []string
	naming := membership.Naming{Prefix: topic, PerPod: 2, Numbered: true, FirstNumber: 1}
	for ordinal := range int32(4) {
		ids = append(ids, naming.IDs(ordinal)...)
		members = append(members, startStreams(t, topic, naming.Base(ordinal), maps.Clone(env)))
	}
	reader, err := kafka.Open(kafka.Config{BootstrapServers: shared.Bootstrap()}, "kohort-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reader.Close)
	collector := kafka.NewCollector(reader, kafka.Options{Interval: 200 * time.Millisecond})
	collector.Track(topic, kafka.Target{Topics: []string{topic, second}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go collector.Run(ctx)
	eventually(t, func() string {
		window := collector.Window(topic)
		if len(window) == 0 {
			return "a reading"
		}
		r := window[len(window)-1]
		if r.State != lag.StateStable || r.Assignor != "stream" || len(r.MembersOf(ids)) != len(ids) || len(r.Unowned()) > 0 {
			return fmt.Sprintf("all of %v share the partitions by the assignor stream: %+v", ids, r)
		}
		if r.Tasks == nil || *r.Tasks != 4 {
			return fmt.Sprintf("4 tasks in %+v", r)
		}
		for ordinal := range int32(4) {
			if len(lag.Owned(r.MembersOf(naming.IDs(ordinal)))) == 0 {
				return fmt.Sprintf("slot %d owns a partition: %+v", ordinal, r)
			}
		}
		return ""
	})
	for _, m := range members {
		m.end(t)
	}
}

func streamsReady(t *testing.T) {
	answers(t, startStreams, "/healthz", "/ready")
}
