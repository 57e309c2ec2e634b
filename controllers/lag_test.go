package controllers

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/kafka"
	"github.com/kohort-dev/kohort/internal/lag"
)

func TestLagHealthy(t *testing.T) {
	type want struct {
		status  metav1.ConditionStatus
		reason  string
		message string
	}
	for name, c := range map[string]struct {
		partitions []lag.Status // 5 records wait on each, one more with each partition
		want       want
	}{
		"nothing is wrong": {[]lag.Status{lag.StatusOK, lag.StatusUnknown}, want{metav1.ConditionTrue, v1alpha1.ReasonCommitsMove, "commits move wherever there is lag"}},
		"falls behind": {[]lag.Status{lag.StatusWarn, lag.StatusOK}, want{
			metav1.ConditionTrue, v1alpha1.ReasonFallsBehind,
			"WARN: 5 records wait on orders-0, the oldest for 345 s: the group works there, and falls behind",
		}},
		"nobody commits, on several": {[]lag.Status{lag.StatusStop, lag.StatusWarn, lag.StatusStop}, want{
			metav1.ConditionFalse, v1alpha1.ReasonCommitsStopped,
			"STOP: 7 records wait on orders-2, the oldest for 345 s, and it is the same on 1 others: nobody commits there any more",
		}},
		"the owner is stuck": {[]lag.Status{lag.StatusOK, lag.StatusStall}, want{
			metav1.ConditionFalse, v1alpha1.ReasonCommitsStalled,
			"STALL: 6 records wait on orders-1, the oldest for 345 s: its owner commits the same offset again and again, or nothing",
		}},
		"a commit went back": {[]lag.Status{lag.StatusStall, lag.StatusRewind}, want{
			metav1.ConditionFalse, v1alpha1.ReasonCommitsRewound,
			"REWIND: 6 records wait on orders-1, the oldest for 345 s: a commit went back, and none since has come as far again",
		}},
	} {
		s, p := consuming(noon, 5)
		first := s.window[0].Partitions[0]
		s.window[0].Partitions = nil
		for i, status := range c.partitions {
			of := first
			of.Partition, of.End, of.Status = int32(i), first.End+int64(i), status
			s.window[0].Partitions = append(s.window[0].Partitions, of)
		}
		got := lagHealthyOf(s, p)
		if diff := cmp.Diff(c.want, want{got.Status, got.Reason, got.Message}, cmp.AllowUnexported(want{})); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
		p.Report.Desired = 0
		if got := lagHealthyOf(s, p); got.Status != metav1.ConditionTrue || got.Reason != v1alpha1.ReasonNoSlots {
			t.Errorf("%s, and no slots are wanted: %s %s", name, got.Status, got.Reason)
		}
	}
}

// TestTooOld: a bound is broken by what is older, whatever else is said.
func TestTooOld(t *testing.T) {
	for name, c := range map[string]struct {
		bound  int32
		seen   lag.Bound
		status lag.Status
		want   string
	}{
		"no bound":                                {0, lag.BoundUnknown, lag.StatusOK, "True CommitsMove"},
		"older than the bound":                    {300, lag.BoundBroken, lag.StatusOK, "False TooOld"},
		"older, and not judged yet":               {300, lag.BoundBroken, lag.StatusUnknown, "False TooOld"},
		"older, since nobody commits":             {300, lag.BoundBroken, lag.StatusStop, "False CommitsStopped"},
		"older by the estimate, which is all":     {300, lag.BoundUnknown, lag.StatusOK, "False TooOld"},
		"older by the estimate, and in truth not": {345, lag.BoundKept, lag.StatusOK, "True CommitsMove"},
		"younger": {400, lag.BoundKept, lag.StatusWarn, "True FallsBehind"},
	} {
		s, p := consuming(noon, 5)
		if c.bound > 0 {
			s.group.Spec.Lag.MaxAgeSeconds = &c.bound
		}
		s.window[0].Partitions[0].Bound, s.window[0].Partitions[0].Status = c.seen, c.status
		got := lagHealthyOf(s, p)
		if is := string(got.Status) + " " + got.Reason; is != c.want {
			t.Errorf("%s: %s, want %s: %s", name, is, c.want, got.Message)
		}
		want := "5 records wait on orders-0, the oldest for 345 s, and lag.maxAgeSeconds is 300"
		if got.Reason == v1alpha1.ReasonTooOld && got.Message != want {
			t.Errorf("%s: %q, want %q", name, got.Message, want)
		}
	}
}

func TestRetentionSafe(t *testing.T) {
	type want struct {
		status  metav1.ConditionStatus
		reason  string
		message string
	}
	for name, c := range map[string]struct {
		start   int64 // of the log; 1000 is committed
		deleted float32
		runway  int32 // that the group asks for
		want    want
	}{
		"retention stands still": {0, 0, 0, want{
			metav1.ConditionTrue, v1alpha1.ReasonFarFromRetention, "retention deletes nothing that the group has yet to process"}},
		"less than an hour": {500, 0.25, 0, want{metav1.ConditionFalse, v1alpha1.ReasonRunwayShort,
			"in 2000 s retention deletes records on orders-0 that the group has yet to process: 0.25 records a second are deleted, 0 consumed; lag.minRunwaySeconds is 3600"}},
		"less is enough": {500, 0.25, 1999, want{
			metav1.ConditionTrue, v1alpha1.ReasonFarFromRetention, "retention deletes nothing that the group has yet to process"}},
		"records are lost": {1040, 0.25, 0, want{metav1.ConditionFalse, v1alpha1.ReasonRecordsLost,
			"retention has deleted 40 records that the group had yet to process, 40 of them on orders-0, up to offset 1040: raise the topic's retention, or have more consumed"}},
	} {
		s, p := consuming(noon, 5000)
		if c.runway > 0 {
			s.group.Spec.Lag.MinRunwaySeconds = &c.runway
		}
		first := &s.window[0].Partitions[0]
		first.Committed, first.Start, first.Rates = ptr.To[int64](1000), c.start, lag.Rates{Deleted: c.deleted, Known: true}
		got := retentionSafeOf(s, p)
		if diff := cmp.Diff(c.want, want{got.Status, got.Reason, got.Message}, cmp.AllowUnexported(want{})); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
	s, p := consuming(noon, 5)
	p.Report.Unknown = "no broker answers"
	if got := retentionSafeOf(s, p); got.Status != metav1.ConditionUnknown {
		t.Errorf("without a reading: %+v", got)
	}
}

// TestLagStatus: what is not known is absent.
func TestLagStatus(t *testing.T) {
	committed := int64(1000)
	partition := lag.Partition{
		TopicPartition: lag.TopicPartition{Topic: "orders"}, Committed: &committed, Start: 900, End: 1250,
		Status: lag.StatusOK, Oldest: noon.Add(-70 * time.Second), Rates: lag.Rates{Produced: 4.6, Consumed: 9.6, Deleted: 10.6, Known: true},
	}
	reading := lag.Reading{At: noon, Partitions: []lag.Partition{partition}}
	want := &v1alpha1.LagStatus{
		Total: 250, Max: 250, Status: "OK", ObservedAt: metav1.NewTime(noon), MaxAgeSeconds: ptr.To[int64](70),
		ProducedPerSecond: ptr.To[int64](5), ConsumedPerSecond: ptr.To[int64](10), DrainSeconds: ptr.To[int64](50), RunwaySeconds: ptr.To[int64](100),
	}
	if diff := cmp.Diff(want, lagStatus(&reading, noon)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	reading.Partitions[0].Rates, reading.Partitions[0].Oldest = lag.Rates{}, time.Time{}
	want = &v1alpha1.LagStatus{Total: 250, Max: 250, Status: "OK", ObservedAt: metav1.NewTime(noon)}
	if diff := cmp.Diff(want, lagStatus(&reading, noon)); diff != "" {
		t.Errorf("just begun: -want +got\n%s", diff)
	}
	reading.Partitions[0].Err = "denied"
	if got := lagStatus(&reading, noon); got != nil {
		t.Errorf("not read: %+v", got)
	}
}

// TestTarget: what the spec says of lag is what the collector goes by.
func TestTarget(t *testing.T) {
	spec := v1alpha1.ConsumerGroupSpec{Topics: []string{"orders"}}
	if diff := cmp.Diff(kafka.Target{Topics: []string{"orders"}}, targetOf(&spec)); diff != "" {
		t.Errorf("by default: -want +got\n%s", diff)
	}
	spec.Membership.Protocol = v1alpha1.ProtocolConsumer
	spec.Lag = v1alpha1.Lag{
		Isolation: v1alpha1.ReadCommitted, OffsetReset: v1alpha1.OffsetResetLatest, AllowedLag: 5,
		MaxAgeSeconds: ptr.To[int32](60), WindowSeconds: ptr.To[int32](600), Samples: ptr.To[int32](20),
	}
	want := kafka.Target{
		Topics: []string{"orders"}, Consumer: true, Reset: lag.ResetLatest, ReadCommitted: true,
		Rules: lag.Rules{Samples: 20, Window: 10 * time.Minute, AllowedLag: 5, MaxAge: time.Minute},
	}
	if diff := cmp.Diff(want, targetOf(&spec)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	spec.Lag.OffsetReset = v1alpha1.OffsetResetEarliest
	if got := targetOf(&spec).Reset; got != lag.ResetEarliest {
		t.Errorf("the reset is %d", got)
	}
}
