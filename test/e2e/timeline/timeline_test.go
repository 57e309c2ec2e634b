package timeline

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestTimeline(t *testing.T) {
	var all Timeline
	err := errors.Join(
		all.Consumer("orders-0-a", strings.NewReader(`not the consumer's
{"t":1000,"event":"joined","instance":"orders-0000","generation":3}
{"t":2000,"event":"committed","instance":"orders-0000","offsets":{"orders":{"1":7}}}
{"t":3000,"event":"committed","instance":"orders-0000","offsets":{"orders":{"1":9}}}
{"t":3100,"event":"stopped","instance":"orders-0000"}
`)),
		all.Operator("operator", "shop", strings.NewReader(`{"level":"info","ts":"1970-01-01T00:00:02.500Z","msg":"Deleted pod","namespace":"shop","pod":"orders-0-a","slot":0,"reason":"it is old"}
{"level":"info","ts":"1970-01-01T00:00:02.600Z","msg":"Deleted pod","namespace":"another","pod":"b"}
`)),
		all.Broker("kafka-0", "orders", strings.NewReader(`1970-01-01T00:00:00.900000000Z [x] INFO Preparing to rebalance group orders in state Empty
1970-01-01T00:00:00.950000000Z [x] INFO Preparing to rebalance group orders-2 in state Empty
`)))
	if err != nil {
		t.Fatal(err)
	}
	all.Events([]eventsv1.Event{{
		Regarding: corev1.ObjectReference{Kind: "Pod", Name: "orders-0-a"}, Reason: "Killing", Note: "Stopping container app",
		DeprecatedLastTimestamp: metav1.NewTime(time.Unix(2, 0)),
	}})
	var got strings.Builder
	if err := all.Write(&got); err != nil {
		t.Fatal(err)
	}
	const want = `00:00:00.900  kafka-0                                  [x] INFO Preparing to rebalance group orders in state Empty
00:00:01.000  orders-0-a                               joined orders-0000 generation 3
00:00:02.000  orders-0-a                               committed orders-0000 map[orders:map[1:7]]
00:00:02.000  Pod orders-0-a                           Killing: Stopping container app
00:00:02.500  operator                                 info: Deleted pod, slot 0, orders-0-a, it is old
00:00:03.000  orders-0-a                               committed orders-0000 map[orders:map[1:9]], the last of 2 such lines
00:00:03.100  orders-0-a                               stopped orders-0000
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
