package controllers

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
)

func lagHealthyOf(s seen, p plan) metav1.Condition {
	switch {
	case p.Report.Unknown != "":
		return unknown(v1alpha1.ReasonNoReading, unread(s, p.Report.Unknown))
	case p.Report.Standing != "":
		return no(v1alpha1.ReasonCommitsStand, p.Report.Standing)
	case p.Report.Desired == 0:
		return yes(v1alpha1.ReasonNoSlots, "there are no slots, and none are wanted: lag is not judged")
	}
	worst, more := worstOf(s)
	text := ""
	if worst.Status > lag.StatusOK {
		text = tellLag(worst, more, s.now)
	}
	switch worst.Status {
	case lag.StatusStop:
		return no(v1alpha1.ReasonCommitsStopped, text+": nobody commits there any more")
	case lag.StatusStall:
		return no(v1alpha1.ReasonCommitsStalled, text+": its owner commits the same offset again and again, or nothing")
	case lag.StatusRewind:
		return no(v1alpha1.ReasonCommitsRewound, text+": a commit went back, and none since has come as far again")
	}
	if old := tooOld(s); old != "" {
		return no(v1alpha1.ReasonTooOld, old)
	}
	if worst.Status == lag.StatusWarn {
		return yes(v1alpha1.ReasonFallsBehind, text+": the group works there, and falls behind")
	}
	return yes(v1alpha1.ReasonCommitsMove, "commits move wherever there is lag"+unsure(s))
}

// unsure is what cannot be said of the lag although the group was read; "" if nothing.
func unsure(s seen) string {
	reading, _ := s.window.Newest(s.now)
	if reading == nil {
		return ""
	}
	if why := reading.Unplaced(); why != "" {
		return "; the lag of a partition is not known: " + why + ": say in lag.offsetReset what the consumers do then"
	}
	if s.group.Spec.Lag.MaxAge() == 0 {
		return ""
	}
	for _, p := range reading.Partitions {
		if behind, known := p.Lag(); known && behind > 0 && p.Bound == lag.BoundUnknown {
			return fmt.Sprintf("; whether lag.maxAgeSeconds is kept on %s is not known", p.TopicPartition)
		}
	}
	return ""
}

// worstOf is the partition with the gravest status in the newest reading, the one with the
// most lag if there are several, and how many others have it too.
func worstOf(s seen) (worst lag.Partition, more int) {
	reading, _ := s.window.Newest(s.now)
	if reading == nil {
		return worst, 0
	}
	var most int64
	for _, p := range reading.Partitions {
		behind, _ := p.Lag()
		switch {
		case p.Status > worst.Status:
			worst, most, more = p, behind, 0
		case p.Status == worst.Status:
			more++
			if behind > most {
				worst, most = p, behind
			}
		}
	}
	return worst, more
}

// tellLag says how many records wait on a partition, and for how long.
func tellLag(p lag.Partition, more int, now time.Time) string {
	behind, _ := p.Lag()
	text := fmt.Sprintf("%s: %d records wait on %s", p.Status, behind, p.TopicPartition)
	if age, known := p.Age(now); known {
		text += fmt.Sprintf(", the oldest for %d s", int(age.Seconds()))
	}
	if more > 0 {
		text += fmt.Sprintf(", and it is the same on %d others", more)
	}
	return text
}

// tooOld is the partition whose oldest record waits for longer than the group allows, the
// longest first, in words; "" if there is none.
func tooOld(s seen) string {
	reading, _ := s.window.Newest(s.now)
	bound := s.group.Spec.Lag.MaxAge()
	if reading == nil || bound == 0 {
		return ""
	}
	var oldest time.Duration
	var where lag.Partition
	for _, p := range reading.Partitions {
		if age, known := p.Age(s.now); known && age > oldest && p.Bound != lag.BoundKept {
			oldest, where = age, p
		}
	}
	if oldest < bound {
		return ""
	}
	behind, _ := where.Lag()
	return fmt.Sprintf("%d records wait on %s, the oldest for %d s, and lag.maxAgeSeconds is %d",
		behind, where.TopicPartition, int(oldest.Seconds()), int(bound.Seconds()))
}

// retentionSafeOf says whether retention deletes what the group has yet to process.
func retentionSafeOf(s seen, p plan) metav1.Condition {
	reading, _ := s.window.Newest(s.now)
	if p.Report.Unknown != "" || reading == nil {
		return unknown(v1alpha1.ReasonNoReading, unread(s, p.Report.Unknown))
	}
	runway, where, ends := reading.Runway()
	lost, _ := reading.Lost()
	unreadable, some := reading.Unread()
	switch {
	case lost > 0:
		return no(v1alpha1.ReasonRecordsLost, fmt.Sprintf(
			"retention has deleted %d records that the group had yet to process, %d of them on %s, up to offset %d: raise the topic's retention, or have more consumed",
			lost, where.Lost(), where.TopicPartition, where.Start))
	case ends && runway < s.group.Spec.Lag.MinRunway():
		return no(v1alpha1.ReasonRunwayShort, fmt.Sprintf(
			"in %d s retention deletes records on %s that the group has yet to process: %.2g records a second are deleted, %.2g consumed; lag.minRunwaySeconds is %d",
			int(runway.Seconds()), where.TopicPartition, where.Rates.Deleted, where.Rates.Consumed, int(s.group.Spec.Lag.MinRunway().Seconds())))
	case some:
		return unknown(v1alpha1.ReasonNoReading, fmt.Sprintf("partition %s was not read: %s", unreadable.TopicPartition, unreadable.Err))
	}
	return yes(v1alpha1.ReasonFarFromRetention, "retention deletes nothing that the group has yet to process")
}

// lagStatus is how far behind a reading shows the group to be; nil if that is not known.
func lagStatus(reading *lag.Reading, now time.Time) *v1alpha1.LagStatus {
	total, most, known := reading.Lag()
	if !known {
		return nil
	}
	lost, _ := reading.Lost()
	status := &v1alpha1.LagStatus{
		Total: rounded(total), Max: rounded(most), Status: reading.Status().String(), Lost: rounded(lost),
		ObservedAt: metav1.NewTime(reading.At),
	}
	if rates := reading.Rates(); rates.Known {
		status.ProducedPerSecond = ptr.To(rounded(int64(rates.Produced + 0.5)))
		status.ConsumedPerSecond = ptr.To(rounded(int64(rates.Consumed + 0.5)))
	}
	inSeconds := func(d time.Duration, known bool) *int64 {
		if !known {
			return nil
		}
		return ptr.To(rounded(int64(d.Round(time.Second).Seconds())))
	}
	status.MaxAgeSeconds = inSeconds(reading.Age(now))
	status.DrainSeconds = inSeconds(reading.Drain())
	runway, _, ends := reading.Runway()
	status.RunwaySeconds = inSeconds(runway, ends)
	return status
}
