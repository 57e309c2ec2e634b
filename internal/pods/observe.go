package pods

import (
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// Observation is what a pod's object says about its consumer.
type Observation struct {
	// Ordinal of the slot; -1 if the label is missing or is none.
	Ordinal    int32
	Revision   string
	InstanceID string
	// Waiting: the launcher runs. Warm: and has done so for long enough for the
	// kubelet's probe to be held, and for a program that cannot be found to be
	// missed; the activation starts the consumer at once.
	Waiting, Warm bool
	// Activated: the annotation names this very pod.
	Activated bool
	// Running: the consumer's program runs, since StartedAt.
	Running   bool
	StartedAt time.Time
	// Down: the consumer's container has ended, and was not started again yet.
	Down bool
	// BackingOff: it crashed again and again, and the kubelet waits before it starts it
	// again.
	BackingOff bool
	// Ready is the pod's condition.
	Ready bool
	// Deleting since DeletedAt, with Grace between SIGTERM and SIGKILL.
	Deleting  bool
	DeletedAt time.Time
	Grace     time.Duration
	// Ended: no process of the consumer runs or will run.
	Ended bool
	// Killed: its consumer was ended by SIGKILL, as far as the kubelet has said. Deaf: it
	// was on its way out, and did not end within the grace period.
	Killed, Deaf bool
	// Kept: the object stays after the deletion until Kohort lets it go.
	Kept bool
	// Forced: it is being deleted by force, and has not ended.
	Forced bool
	// Forsaken: it is being deleted, has not ended, and nobody will say so any more:
	// its node is gone.
	Forsaken bool
	// Restarts of the consumer's program, when it ended before the last one, and the
	// reason of its last end.
	Restarts  int32
	CrashedAt time.Time
	LastExit  string
	// Session timeout that the pod was given; 0: not known.
	Session time.Duration
	// Unstartable: the kubelet could not start the consumer's program, which has never run.
	Unstartable bool
	// Problem is why the pod does not get on, for people. Empty: nothing.
	Problem string
}

// reasonCrashLoop is a kubelet's for a container that it does not start again yet.
const reasonCrashLoop = "CrashLoopBackOff"

// probeWithin is how long after the start of a container the kubelet's first probe
// has come: the probe's period, and the second that statuses are rounded to.
const probeWithin = 2 * time.Second

// Observe reads a pod. now says how long a pod has been waiting or ending.
func Observe(pod *corev1.Pod, now time.Time) Observation {
	o := Observation{
		Ordinal:    ordinal(pod),
		Revision:   pod.Labels[v1alpha1.LabelRevision],
		InstanceID: pod.Annotations[v1alpha1.AnnotationInstanceID],
		Session:    time.Duration(number(pod.Annotations[v1alpha1.AnnotationSessionTimeout])) * time.Second,
		Activated:  pod.UID != "" && pod.Annotations[v1alpha1.AnnotationActivate] == string(pod.UID),
		Ready:      condition(pod, corev1.PodReady).Status == corev1.ConditionTrue,
		Kept:       slices.Contains(pod.Finalizers, v1alpha1.FinalizerPod),
	}
	consumer := consumerStatus(pod)
	o.ending(pod, consumer)
	started := o.waiting(pod, consumer, now)
	consumer = sinceActivation(consumer, waitRestarts(pod, o, consumer))
	o.Running = consumer.State.Running != nil && started
	o.runs(consumer)
	o.Problem = problem(pod, consumer, o, now)
	return o
}

// ending reads how far a deletion has come, and whether the consumer has ended.
func (o *Observation) ending(pod *corev1.Pod, consumer corev1.ContainerStatus) {
	if pod.DeletionTimestamp != nil {
		o.Deleting = true
		o.Grace = grace(pod)
		// The timestamp is the deadline; the grace period lies before it.
		o.DeletedAt = pod.DeletionTimestamp.Add(-o.Grace)
	}
	o.Ended = ended(pod, consumer, o.DeletedAt)
	o.Killed = o.Ended && killed(consumer)
	o.Deaf = o.Killed && o.Deleting && o.Grace > 0 && KilledAt(pod, o.DeletedAt.Add(o.Grace))
	o.Forced = o.Deleting && !o.Ended && o.Grace == 0
	o.Forsaken = o.Deleting && !o.Ended && condemned(pod)
}

// waiting reads whether the launcher holds the consumer back, and returns whether what
// runs in the consumer's container is its program.
func (o *Observation) waiting(pod *corev1.Pod, consumer corev1.ContainerStatus, now time.Time) (started bool) {
	launcher, launched := status(pod.Status.InitContainerStatuses, v1alpha1.ContainerGate), Launched(pod)
	if launched {
		launcher = consumer
	}
	held := launcher.State.Running != nil && !ptr.Deref(launcher.Started, false)
	if launched {
		// The program runs before its startup probe succeeds. Where that comes before
		// the annotation, it was the operator's answer that activated.
		held = held && !o.Activated
	}
	o.Waiting = held && !o.Deleting && !o.Ended
	o.Warm = o.Waiting && now.Sub(launcher.State.Running.StartedAt.Time) >= probeWithin
	return !launched || !held
}

// runs reads the consumer's process, and its crashes since it was activated.
func (o *Observation) runs(consumer corev1.ContainerStatus) {
	state, last := consumer.State, consumer.LastTerminationState.Terminated
	o.Unstartable = state.Waiting != nil && last == nil &&
		(slices.Contains(unpulled, state.Waiting.Reason) || slices.Contains(unstarted, state.Waiting.Reason))
	o.Down = !o.Deleting && (state.Terminated != nil || state.Waiting != nil && last != nil)
	o.BackingOff = state.Waiting != nil && state.Waiting.Reason == reasonCrashLoop
	if o.Running {
		o.StartedAt = state.Running.StartedAt.Time
	}
	o.Restarts = consumer.RestartCount
	if last != nil && o.Restarts > 0 {
		o.CrashedAt = last.FinishedAt.Time
	}
	o.LastExit = lastExit(consumer)
}

// waitRestarts is how often the consumer's container was restarted while the
// launcher waited in it, as after a restart of the node: no crash of its program.
func waitRestarts(pod *corev1.Pod, o Observation, consumer corev1.ContainerStatus) int32 {
	if o.Warm {
		return consumer.RestartCount
	}
	return min(number(pod.Annotations[v1alpha1.AnnotationWaitRestarts]), consumer.RestartCount)
}

// number is one from 0 on that somebody wrote; 0 if it is none.
func number(text string) int32 {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		return 0
	}
	return int32(n)
}

// sinceActivation leaves the restarts before it out of a status.
func sinceActivation(consumer corev1.ContainerStatus, before int32) corev1.ContainerStatus {
	consumer.RestartCount -= before
	if before > 0 && consumer.RestartCount == 0 {
		consumer.LastTerminationState = corev1.ContainerState{}
	}
	return consumer
}

// maxOrdinals bounds what a label on a pod can make of a group: the digits of an
// instance id end there.
const maxOrdinals = 10_000

func ordinal(pod *corev1.Pod) int32 {
	n, err := strconv.ParseInt(pod.Labels[v1alpha1.LabelSlot], 10, 32)
	if err != nil || n < 0 || n >= maxOrdinals {
		return -1
	}
	return int32(n)
}

// ended says whether the consumer's end was recorded by someone who knows. A
// crash is no end: the kubelet restarts the container.
func ended(pod *corev1.Pod, consumer corev1.ContainerStatus, deletedAt time.Time) bool {
	switch {
	case pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded:
		// A kubelet says so when all containers have ended; others, as the taint
		// manager for a node that is out of service, say so of running ones.
		return !condemned(pod) && consumer.State.Running == nil
	case pod.DeletionTimestamp == nil:
		return false
	case pod.Spec.NodeName == "":
		return true // no kubelet has ever heard of it
	case consumer.State.Terminated == nil:
		return false
	}
	// A status from before the deletion may tell of a crash, after which the
	// container was started again. The kubelet says which generation a status is
	// about (a deletion makes a new one); older ones leave only the time, which
	// has no more than seconds.
	if pod.Status.ObservedGeneration > 0 {
		return pod.Status.ObservedGeneration >= pod.Generation
	}
	return !consumer.State.Terminated.FinishedAt.Time.Before(deletedAt.Truncate(time.Second))
}

// exitKilled is the exit code of a process that SIGKILL ended.
const exitKilled = 128 + 9

func killed(consumer corev1.ContainerStatus) bool {
	t := consumer.State.Terminated
	return t != nil && t.ExitCode == exitKilled
}

// KilledAt says whether a pod's consumer was killed when its grace period was over. When
// that was has to be remembered: a kubelet's last request for a pod that has ended takes
// the grace period out of its object. Times have no more than seconds.
func KilledAt(pod *corev1.Pod, deadline time.Time) bool {
	consumer := consumerStatus(pod)
	return killed(consumer) && !consumer.State.Terminated.FinishedAt.Time.Before(deadline.Add(-time.Second))
}

// wordMargin is how long before the grace deadline the launcher's word must have
// come: at the deadline the kubelet ends the launcher whether or not the consumer
// has ended, and clocks differ.
const wordMargin = time.Second

// WordCounts says whether the launcher's word, heard at a time, shows that the
// pod's consumer has ended. The pod must have been on its way out when it was heard:
// whoever hears it sees to that, since the deletion's own time has no more than
// seconds.
func WordCounts(pod *corev1.Pod, at time.Time) bool {
	return pod.DeletionTimestamp != nil && at.Before(pod.DeletionTimestamp.Add(-wordMargin))
}

// condemned: the phase Failed was written by the pod garbage collector because
// the node is gone, and not by a kubelet that saw the containers end.
func condemned(pod *corev1.Pod) bool {
	c := condition(pod, corev1.DisruptionTarget)
	return c.Status == corev1.ConditionTrue && c.Reason == "DeletionByPodGC"
}

// grace is between SIGTERM and SIGKILL, as the deletion asked for it.
func grace(pod *corev1.Pod) time.Duration {
	s := pod.DeletionGracePeriodSeconds
	if s == nil {
		s = pod.Spec.TerminationGracePeriodSeconds
	}
	if s == nil {
		return corev1.DefaultTerminationGracePeriodSeconds * time.Second
	}
	return time.Duration(*s) * time.Second
}

// consumerStatus is the zero value as long as the kubelet has not reported.
func consumerStatus(pod *corev1.Pod) corev1.ContainerStatus {
	return status(pod.Status.ContainerStatuses, consumerName(pod))
}

func consumerName(pod *corev1.Pod) string {
	name := pod.Annotations[v1alpha1.AnnotationConsumer]
	if name == "" && len(pod.Spec.Containers) > 0 {
		name = pod.Spec.Containers[0].Name
	}
	return name
}

func status(all []corev1.ContainerStatus, name string) corev1.ContainerStatus {
	for _, s := range all {
		if s.Name == name {
			return s
		}
	}
	return corev1.ContainerStatus{}
}

func condition(pod *corev1.Pod, kind corev1.PodConditionType) corev1.PodCondition {
	for _, c := range pod.Status.Conditions {
		if c.Type == kind {
			return c
		}
	}
	return corev1.PodCondition{}
}

// lastExit is the reason of the container's last end, as OOMKilled.
func lastExit(s corev1.ContainerStatus) string {
	if t := termination(s); t != nil {
		return t.Reason
	}
	return ""
}

// termination is the latest one that is known; nil if there was none.
func termination(s corev1.ContainerStatus) *corev1.ContainerStateTerminated {
	if s.State.Terminated != nil {
		return s.State.Terminated
	}
	return s.LastTerminationState.Terminated
}
