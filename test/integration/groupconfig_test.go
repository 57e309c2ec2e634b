package integration

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// groupConfig is what a broker was asked to configure of groups. It refuses all with err.
type groupConfig struct {
	mu    sync.Mutex
	asked []string
	err   *kerr.Error
}

// groupConfig lets the broker keep the configuration of groups, which kfake refuses.
func (w *world) groupConfig() *groupConfig {
	kept := &groupConfig{}
	w.broker.ControlKey(kmsg.IncrementalAlterConfigs.Int16(), func(request kmsg.Request) (kmsg.Response, error, bool) {
		w.broker.KeepControl()
		kept.mu.Lock()
		defer kept.mu.Unlock()
		asked := request.(*kmsg.IncrementalAlterConfigsRequest)
		response := asked.ResponseKind().(*kmsg.IncrementalAlterConfigsResponse)
		for _, r := range asked.Resources {
			line := r.ResourceName
			for _, c := range r.Configs {
				value := "-"
				if c.Value != nil {
					value = *c.Value
				}
				line += fmt.Sprintf(" %s=%s", c.Name, value)
			}
			kept.asked = append(kept.asked, line)
			answer := kmsg.NewIncrementalAlterConfigsResponseResource()
			answer.ResourceType, answer.ResourceName = r.ResourceType, r.ResourceName
			if kept.err != nil {
				answer.ErrorCode = kept.err.Code
			}
			response.Resources = append(response.Resources, answer)
		}
		return response, nil, true
	})
	return kept
}

func (g *groupConfig) refuse(err *kerr.Error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.err = err
}

func (g *groupConfig) requests() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]string(nil), g.asked...)
}

func byConsumerProtocol(g *v1alpha1.ConsumerGroup) {
	g.Spec.Membership.Protocol = v1alpha1.ProtocolConsumer
}

// configureRetry is a bit more than when the operator asks again.
const configureRetry = 31 * time.Second

// A broker that refuses the configuration of a group is asked again after half a minute,
// and the refusal told once, with what to do about it.
func TestGroupConfigurationIsRefused(t *testing.T) {
	w := newWorld(t)
	kept := w.groupConfig()
	kept.refuse(kerr.GroupAuthorizationFailed)
	w.kafkaCluster()
	w.group(0, byConsumerProtocol)
	// The clock lags behind, and catches up: a reading would be too old otherwise.
	behind := func(lag time.Duration) { w.operator.groups.Now = func() time.Time { return time.Now().Add(-lag) } }
	behind(3 * configureRetry)
	w.until("it is asked", func() bool { return len(kept.requests()) == 1 })
	w.must(w.step())
	behind(2 * configureRetry)
	w.until("it is asked again", func() bool { return len(kept.requests()) == 2 })
	if n := w.operator.told.count("GroupNotConfigured"); n != 1 {
		t.Errorf("the refusal was told %d times, want once: %q", n, w.operator.told.notes())
	}
	kept.refuse(nil)
	behind(configureRetry)
	w.until("it is asked once more", func() bool { return len(kept.requests()) == 3 })
	behind(0)
	for range 3 {
		w.must(w.step())
	}
	if n := len(kept.requests()); n != 3 {
		t.Errorf("what is configured is configured again: %q", kept.requests())
	}
}

// A ConsumerGroup that was never let in leaves the configuration of its group alone, which
// is another's; the other one takes its own away.
func TestGroupConfigurationOfAnother(t *testing.T) {
	w := newWorld(t)
	kept := w.groupConfig()
	w.kafkaCluster()
	first := w.group(0, byConsumerProtocol)
	w.until("the group is configured", func() bool { return len(kept.requests()) == 1 })
	second := w.group(0, byConsumerProtocol, func(g *v1alpha1.ConsumerGroup) { g.Name, g.Spec.GroupID = "orders-2", "orders" })
	w.until("the second is not let in", func() bool { return w.isStalled("orders-2", v1alpha1.ReasonGroupTaken) })
	w.must(w.client.Delete(t.Context(), second))
	w.until("the second is gone", func() bool { return w.gone(second) })
	if asked := kept.requests(); len(asked) != 1 {
		t.Errorf("the second one has touched the configuration: %q", asked)
	}
	w.must(w.client.Delete(t.Context(), first))
	w.until("the first is gone", func() bool { return w.gone(first) })
	want := []string{
		"orders consumer.session.timeout.ms=45000 consumer.heartbeat.interval.ms=5000",
		"orders consumer.session.timeout.ms=- consumer.heartbeat.interval.ms=-",
	}
	if asked := kept.requests(); fmt.Sprint(asked) != fmt.Sprint(want) {
		t.Errorf("the broker was asked for %q, want %q", asked, want)
	}
}
