package pods

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// now is 45 seconds after the deletions of these tests were asked for.
var now = time.Date(2026, 11, 21, 3, 0, 45, 0, time.UTC)

// started is when the consumer of the pods here was.
var started = time.Date(2026, 11, 21, 2, 0, 5, 0, time.UTC)

// podHead begins each pod of these tests; its consumer is the second container.
const podHead = `
metadata:
  name: orders-3-x7k2p
  uid: 5d1e
  generation: 1
  labels: {kohort.dev/group: orders, kohort.dev/slot: "3", kohort.dev/revision: 7c8d9bb4f5}
  annotations:
    kohort.dev/instance-id: orders-3f9a2-0003
    kohort.dev/consumer: app
    kohort.dev/session-timeout-seconds: "45"
`

const podActivated = podHead + `    kohort.dev/activate: 5d1e
`

const podSpec = `
spec:
  nodeName: node-1
  terminationGracePeriodSeconds: 30
  containers: [{name: proxy}, {name: app}]
`

// deleted goes before podSpec: the deadline is 30 s after the request.
const deleted = `
  deletionTimestamp: "2026-11-21T03:00:30Z"
  deletionGracePeriodSeconds: 30
`

const gateWaits = `
  initContainerStatuses:
  - {name: kohort-install, ready: true, started: false, state: {terminated: {exitCode: 0, reason: Completed}}}
  - {name: kohort-check-app, ready: true, started: false, state: {terminated: {exitCode: 0, reason: Completed}}}
  - {name: kohort-gate, ready: false, started: false, state: {running: {startedAt: "2026-11-21T03:00:02Z"}}}
`

const gatePassed = `
  initContainerStatuses:
  - {name: kohort-gate, ready: true, started: true, state: {running: {startedAt: "2026-11-21T03:00:02Z"}}}
`

const appRuns = `
  containerStatuses:
  - {name: app, ready: true, started: true, restartCount: 0, state: {running: {startedAt: "2026-11-21T02:00:05Z"}}}
  - {name: proxy, ready: true, started: true, restartCount: 0, state: {running: {startedAt: "2026-11-21T02:00:05Z"}}}
`

func TestObserve(t *testing.T) {
	seen := Observation{Ordinal: 3, Revision: "7c8d9bb4f5", InstanceID: "orders-3f9a2-0003", Session: 45 * time.Second}
	with := func(change func(*Observation)) Observation {
		o := seen
		change(&o)
		return o
	}
	deleting := func(change func(*Observation)) Observation {
		return with(func(o *Observation) {
			o.Activated = true
			o.Deleting, o.Grace = true, 30*time.Second
			o.DeletedAt = time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
			change(o)
		})
	}
	for name, tc := range map[string]struct {
		pod  string
		want Observation
	}{
		"just created": {podHead + `status: {phase: Pending}`, seen},
		"initialising": {podHead + podSpec + `
status:
  phase: Pending
  initContainerStatuses:
  - {name: kohort-install, state: {running: {startedAt: "2026-11-21T03:00:02Z"}}}
  - {name: kohort-check-app, state: {waiting: {reason: PodInitializing}}}
  - {name: kohort-gate, started: false, state: {waiting: {reason: PodInitializing}}}
  containerStatuses:
  - {name: app, state: {waiting: {reason: PodInitializing}}}
`, seen},
		"warm": {podHead + podSpec + `
status:
  phase: Pending` + gateWaits + `
  containerStatuses:
  - {name: app, started: false, state: {waiting: {reason: PodInitializing}}}
`, with(func(o *Observation) { o.Waiting, o.Warm = true, true })},
		"waiting, and the first probe may not have come": {podHead + podSpec + `
status:
  phase: Pending` + strings.Replace(gateWaits, "03:00:02Z", "03:00:44Z", 1) + `
`, with(func(o *Observation) { o.Waiting = true })},
		"copied activation": {podHead + "    kohort.dev/activate: another\n" + podSpec + `
status:
  phase: Pending` + gateWaits, with(func(o *Observation) { o.Waiting, o.Warm = true, true })},
		"activated, not yet released": {podActivated + podSpec + `
status:
  phase: Pending` + gateWaits, with(func(o *Observation) { o.Waiting, o.Warm, o.Activated = true, true, true })},
		"consuming": {podActivated + podSpec + `
status:
  phase: Running
  conditions: [{type: Ready, status: "True"}]` + gatePassed + appRuns,
			with(func(o *Observation) { o.Activated, o.Running, o.Ready, o.StartedAt = true, true, true, started })},
		"restarted": {podActivated + podSpec + `
status:
  phase: Running` + gatePassed + `
  containerStatuses:
  - {name: app, ready: true, restartCount: 1, state: {running: {startedAt: "2026-11-21T02:00:05Z"}},
     lastState: {terminated: {exitCode: 137, reason: OOMKilled, finishedAt: "2026-11-21T02:00:04Z"}}}
`, with(func(o *Observation) {
			o.Activated, o.Running, o.StartedAt = true, true, started
			o.Restarts, o.CrashedAt, o.LastExit = 1, started.Add(-time.Second), "OOMKilled"
		})},
		"crashed again, restarts in back-off": {podActivated + podSpec + `
status:
  phase: Running` + gatePassed + `
  containerStatuses:
  - {name: app, restartCount: 1, state: {waiting: {reason: CrashLoopBackOff}},
     lastState: {terminated: {exitCode: 3, reason: Error, finishedAt: "2026-11-21T02:00:05Z"}}}
`, with(func(o *Observation) {
			o.Activated, o.Down, o.BackingOff, o.LastExit = true, true, true, "Error"
			o.Restarts, o.CrashedAt = 1, started
			o.Problem = "consumer crashed 2 times, exit code 3; restarts in back-off"
		})},
		"its image is not to be had": {podActivated + podSpec + `
status:
  phase: Pending` + gatePassed + `
  containerStatuses:
  - {name: app, image: "registry/x:2", state: {waiting: {reason: ErrImagePull, message: not found}}}
`, with(func(o *Observation) {
			o.Activated, o.Unstartable = true, true
			o.Problem = "image registry/x:2 cannot be pulled (ErrImagePull): not found"
		})},
		"its image is not to be had any more": {podActivated + podSpec + `
status:
  phase: Running` + gatePassed + `
  containerStatuses:
  - {name: app, image: "registry/x:2", state: {waiting: {reason: ImagePullBackOff}}, lastState: {terminated: {exitCode: 3, reason: Error, finishedAt: "2026-11-21T02:00:05Z"}}}
`, with(func(o *Observation) {
			o.Activated, o.Down, o.LastExit = true, true, "Error"
			o.Problem = "image registry/x:2 cannot be pulled (ImagePullBackOff)"
		})},
		"killed when its grace period was over": {podActivated + deleted + podSpec + `
status:
  phase: Running` + gatePassed + `
  containerStatuses:
  - {name: app, state: {terminated: {exitCode: 137, reason: Error, finishedAt: "2026-11-21T03:00:30Z"}}}
`, deleting(func(o *Observation) { o.Ended, o.Killed, o.Deaf, o.LastExit = true, true, true, "Error" })},
		"killed before": {podActivated + deleted + podSpec + `
status:
  phase: Running` + gatePassed + `
  containerStatuses:
  - {name: app, state: {terminated: {exitCode: 137, reason: OOMKilled, finishedAt: "2026-11-21T03:00:02Z"}}}
`, deleting(func(o *Observation) { o.Ended, o.Killed, o.LastExit = true, true, "OOMKilled" })},
		"crashed, restarts at once": {podActivated + podSpec + `
status:
  phase: Running
  conditions: [{type: Ready, status: "False"}]` + gatePassed + `
  containerStatuses:
  - {name: app, restartCount: 0, state: {terminated: {exitCode: 137, reason: OOMKilled, finishedAt: "2026-11-21T03:00:01Z"}}}
`, with(func(o *Observation) {
			o.Activated, o.Down, o.LastExit = true, true, "OOMKilled"
			o.Problem = "consumer crashed once, exit code 137 (OOMKilled)"
		})},
		"crashed, deleted before it was restarted": {podActivated + deleted + podSpec + `
status:
  phase: Running` + gatePassed + `
  containerStatuses:
  - {name: app, restartCount: 0, state: {terminated: {exitCode: 1, reason: Error, finishedAt: "2026-11-21T02:59:59Z"}}}
`, deleting(func(o *Observation) {
			o.LastExit = "Error"
			o.Problem = "does not end: deleted at 03:00:00 with 30 s of grace, and its node has not reported the end: " +
				"if the node is off, taint it node.kubernetes.io/out-of-service, or delete the pod with --force"
		})},
		"stopping": {podActivated + deleted + podSpec + `
status:
  phase: Running` + gatePassed + appRuns, deleting(func(o *Observation) {
			o.Running, o.StartedAt = true, started
			o.Problem = "ignores SIGTERM: deleted at 03:00:00 with 30 s of grace"
		})},
		"ended, others still stop": {podActivated + deleted + podSpec + `
status:
  phase: Running` + gatePassed + `
  containerStatuses:
  - {name: app, state: {terminated: {exitCode: 0, reason: Completed, finishedAt: "2026-11-21T03:00:00Z"}}}
  - {name: proxy, ready: true, state: {running: {startedAt: "2026-11-21T02:00:05Z"}}}
`, deleting(func(o *Observation) { o.Ended, o.LastExit = true, "Completed" })},
		"another container ended": {podActivated + deleted + podSpec + `
status:
  phase: Running` + gatePassed + `
  containerStatuses:
  - {name: app, ready: true, state: {running: {startedAt: "2026-11-21T02:00:05Z"}}}
  - {name: proxy, state: {terminated: {exitCode: 0, reason: Completed, finishedAt: "2026-11-21T03:00:01Z"}}}
`, deleting(func(o *Observation) {
			o.Running, o.StartedAt = true, started
			o.Problem = "ignores SIGTERM: deleted at 03:00:00 with 30 s of grace"
		})},
		"ended by phase": {podActivated + deleted + podSpec + `status: {phase: Succeeded}`,
			deleting(func(o *Observation) { o.Ended = true })},
		"deleted, never scheduled": {podActivated + deleted + `
spec: {containers: [{name: app}]}
status: {phase: Pending}`, deleting(func(o *Observation) { o.Ended = true })},
		"evicted": {podActivated + podSpec + `
status: {phase: Failed, reason: Evicted, message: "The node was low on resource: memory."}`,
			with(func(o *Observation) {
				o.Activated, o.Ended = true, true
				o.Problem = "pod failed: Evicted: The node was low on resource: memory."
			})},
		"node gone": {podActivated + deleted + podSpec + `
status:
  phase: Failed
  conditions: [{type: DisruptionTarget, status: "True", reason: DeletionByPodGC}]` + gatePassed + appRuns,
			deleting(func(o *Observation) {
				o.Running, o.Forsaken, o.StartedAt = true, true, started
				o.Problem = "its node is gone, and nobody can say whether the consumer still runs"
			})},
		"a warm pod that is deleted": {podHead + deleted + podSpec + `
status:
  phase: Pending` + gateWaits, deleting(func(o *Observation) {
			o.Activated = false
			o.Problem = "does not end: deleted at 03:00:00 with 30 s of grace, and its node has not reported the end: " +
				"if the node is off, taint it node.kubernetes.io/out-of-service, or delete the pod with --force"
		})},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Observe(podOf(t, tc.pod), now)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestEndedByGeneration: where the kubelet says which generation a status is
// about, the times in it (seconds only) decide nothing.
func TestEndedByGeneration(t *testing.T) {
	for observed, want := range map[int64]bool{1: false, 2: true} {
		pod := podOf(t, podActivated+deleted+podSpec+gatePassedStatus)
		pod.Generation, pod.Status.ObservedGeneration = 2, observed
		if got := Observe(pod, now).Ended; got != want {
			t.Errorf("status about generation %d of 2: ended is %t, want %t", observed, got, want)
		}
	}
}

const gatePassedStatus = `
status:
  phase: Running
  containerStatuses:
  - {name: app, state: {terminated: {exitCode: 1, reason: Error, finishedAt: "2026-11-21T03:00:00Z"}}}
`

const launchedSpec = `
spec:
  nodeName: node-1
  containers: [{name: proxy}, {name: app, command: [/kohort/launcher, run, --, /orders]}]
`

// appStatus is of a consumer's container that was started at 03:00:02.
func appStatus(rest string) string {
	return `
status:
  phase: Running
  initContainerStatuses:
  - {name: kohort-install, ready: true, started: false, state: {terminated: {exitCode: 0, reason: Completed}}}
  containerStatuses:
  - {name: proxy, ready: true, started: true, state: {running: {startedAt: "2026-11-21T03:00:02Z"}}}
  - {name: app, image: shop/orders, ` + rest + `}
`
}

// TestObserveLaunched: the program of a pod does not run just because its container
// does.
func TestObserveLaunched(t *testing.T) {
	const running = `state: {running: {startedAt: "2026-11-21T03:00:02Z"}}`
	const crashed = `lastState: {terminated: {exitCode: 1, reason: Error}}`
	type want struct {
		Waiting, Warm, Activated, Running, Ended bool
		Restarts                                 int32
		LastExit, Problem                        string
	}
	activated := podActivated + launchedSpec
	for name, tc := range map[string]struct {
		pod  string
		want want
	}{
		"starting":       {podHead + launchedSpec + appStatus(`started: false, state: {waiting: {reason: PodInitializing}}`), want{}},
		"warm":           {podHead + launchedSpec + appStatus(`started: false, `+running), want{Waiting: true, Warm: true}},
		"warm, not told": {podHead + launchedSpec + appStatus(running), want{Waiting: true, Warm: true}},
		"it may not have looked for its program": {podHead + launchedSpec + appStatus(`started: false, state: {running: {startedAt: "2026-11-21T03:00:44Z"}}`),
			want{Waiting: true}},
		"it did not find its program": {podHead + launchedSpec + appStatus(`started: false, restartCount: 2,
     state: {waiting: {reason: CrashLoopBackOff}},
     lastState: {terminated: {exitCode: 127, reason: Error, message: "the command of the template cannot be run"}}`),
			want{Restarts: 2, LastExit: "Error", Problem: "consumer crashed 3 times, exit code 127: the command of the template cannot be run; restarts in back-off"}},
		"it did not, and was started again just now": {podHead + launchedSpec + appStatus(`started: false, restartCount: 1,
     state: {running: {startedAt: "2026-11-21T03:00:44Z"}}, lastState: {terminated: {exitCode: 127, reason: Error}}`),
			want{Waiting: true, Restarts: 1, LastExit: "Error", Problem: "consumer crashed once, exit code 127"}},
		"warm again after the node restarted": {podHead + launchedSpec + appStatus(`started: false, restartCount: 2, `+crashed+`, `+running),
			want{Waiting: true, Warm: true}},
		"activated":              {activated + appStatus(`started: false, `+running), want{Activated: true, Running: true}},
		"activated by an answer": {podHead + launchedSpec + appStatus(`started: true, `+running), want{Running: true}},
		"activated after restarts": {strings.Replace(activated, "    kohort.dev/activate", "    kohort.dev/wait-restarts: \"2\"\n    kohort.dev/activate", 1) +
			appStatus(`started: true, restartCount: 2, `+crashed+`, `+running), want{Activated: true, Running: true}},
		"crashed since": {strings.Replace(activated, "    kohort.dev/activate", "    kohort.dev/wait-restarts: \"2\"\n    kohort.dev/activate", 1) +
			appStatus(`started: false, restartCount: 3, `+crashed+`, `+running),
			want{Activated: true, Running: true, Restarts: 1, LastExit: "Error", Problem: "consumer crashed once, exit code 1"}},
		"more restarts than there were": {strings.Replace(activated, "    kohort.dev/activate", "    kohort.dev/wait-restarts: \"9\"\n    kohort.dev/activate", 1) +
			appStatus(`started: true, restartCount: 1, `+running), want{Activated: true, Running: true}},
		"a number of restarts that is none": {strings.Replace(activated, "    kohort.dev/activate", "    kohort.dev/wait-restarts: \"-1\"\n    kohort.dev/activate", 1) +
			appStatus(`started: true, restartCount: 1, `+running), want{Activated: true, Running: true, Restarts: 1}},
		"warm, ends": {podHead + deleted + launchedSpec + appStatus(`started: false, state: {terminated: {exitCode: 0, reason: Completed, finishedAt: "2026-11-21T03:00:01Z"}}`),
			want{Ended: true, LastExit: "Completed"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := Observe(podOf(t, tc.pod), now)
			got := want{o.Waiting, o.Warm, o.Activated, o.Running, o.Ended, o.Restarts, o.LastExit, o.Problem}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestActivate: restarts while the launcher waited are written down with the
// activation.
func TestActivate(t *testing.T) {
	for name, tc := range map[string]struct {
		pod  string
		want map[string]string
	}{
		"in a sidecar":           {podHead + podSpec + appStatus(`restartCount: 2`), map[string]string{"kohort.dev/activate": "5d1e"}},
		"launched":               {podHead + launchedSpec + appStatus(`restartCount: 0`), map[string]string{"kohort.dev/activate": "5d1e"}},
		"launched, had restarts": {podHead + launchedSpec + appStatus(`restartCount: 2`), map[string]string{"kohort.dev/activate": "5d1e", "kohort.dev/wait-restarts": "2"}},
	} {
		if diff := cmp.Diff(tc.want, Activate(podOf(t, tc.pod))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestOrdinal(t *testing.T) {
	for label, want := range map[string]int32{"0": 0, "12": 12, "": -1, "x": -1, "-1": -1, "99999999999": -1} {
		pod := &corev1.Pod{}
		pod.Labels = map[string]string{"kohort.dev/slot": label}
		if got := Observe(pod, now).Ordinal; got != want {
			t.Errorf("label %q: got %d, want %d", label, got, want)
		}
	}
}

func TestProblem(t *testing.T) {
	for name, tc := range map[string]struct{ status, want string }{
		"unschedulable": {`
  conditions:
  - {type: PodScheduled, status: "False", reason: Unschedulable, message: "0/3 nodes are available: 3 Insufficient cpu."}
`, "unschedulable: 0/3 nodes are available: 3 Insufficient cpu."},
		"held by a scheduling gate": {`
  conditions:
  - {type: PodScheduled, status: "False", reason: SchedulingGated, message: "Scheduling is blocked due to non-empty scheduling gates"}
`, "not scheduled (SchedulingGated): Scheduling is blocked due to non-empty scheduling gates"},
		"image missing": {`
  initContainerStatuses:
  - name: kohort-check-app
    image: registry/x:2
    state: {waiting: {reason: ErrImagePull, message: "rpc error: code = NotFound\n  desc = failed to pull"}}
`, "image registry/x:2 cannot be pulled (ErrImagePull): rpc error: code = NotFound desc = failed to pull"},
		"image without a message": {`
  initContainerStatuses:
  - {name: kohort-check-app, image: "registry/x:2", state: {waiting: {reason: ImagePullBackOff}}}
`, "image registry/x:2 cannot be pulled (ImagePullBackOff)"},
		"check cannot start": {`
  initContainerStatuses:
  - name: kohort-check-app
    state: {waiting: {reason: CreateContainerConfigError, message: container has runAsNonRoot and image will run as root}}
`, "the check of container app cannot be started (CreateContainerConfigError): container has runAsNonRoot and image will run as root"},
		"init container crashes": {`
  initContainerStatuses:
  - {name: migrate, restartCount: 1, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 2, reason: Error}}}
`, "init container migrate crashed 2 times, exit code 2; restarts in back-off"},
		"init container that crashed is done": {`
  initContainerStatuses:
  - {name: migrate, restartCount: 1, ready: true, state: {terminated: {exitCode: 0, reason: Completed}}, lastState: {terminated: {exitCode: 2, reason: Error}}}
`, ""},
		"consumer in back-off": {`
  containerStatuses:
  - name: app
    restartCount: 2
    state: {waiting: {reason: CrashLoopBackOff, message: back-off 20s restarting failed container}}
    lastState: {terminated: {exitCode: 1, reason: Error, message: "no such topic\n"}}
`, "consumer crashed 3 times, exit code 1: no such topic; restarts in back-off"},
		"consumer runs again": {`
  containerStatuses:
  - {name: app, ready: true, restartCount: 2, state: {running: {}}, lastState: {terminated: {exitCode: 1, reason: Error}}}
`, ""},
		"consumer runs again, not ready": {`
  containerStatuses:
  - {name: app, restartCount: 2, state: {running: {}}, lastState: {terminated: {exitCode: 1, reason: Error}}}
`, "consumer crashed 2 times, exit code 1"},
		"consumer ends by itself": {`
  containerStatuses:
  - {name: app, restartCount: 0, state: {terminated: {exitCode: 0, reason: Completed}}}
`, "consumer ended by itself once, exit code 0"},
		"command missing": {`
  containerStatuses:
  - {name: app, restartCount: 0, state: {waiting: {reason: RunContainerError, message: 'exec: "/orders": no such file'}}}
`, `consumer cannot be started (RunContainerError): exec: "/orders": no such file`},
		"another container crashes": {`
  containerStatuses:
  - {name: app, ready: true, state: {running: {}}}
  - {name: proxy, restartCount: 0, state: {terminated: {exitCode: 3, reason: Error}}}
`, "container proxy crashed once, exit code 3"},
	} {
		t.Run(name, func(t *testing.T) {
			pod := podOf(t, podActivated+podSpec+"status:\n  phase: Pending"+tc.status)
			if diff := cmp.Diff(tc.want, Observe(pod, now).Problem); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func podOf(t *testing.T, text string) *corev1.Pod {
	t.Helper()
	pod := &corev1.Pod{}
	if err := yaml.UnmarshalStrict([]byte(text), pod); err != nil {
		t.Fatal(err)
	}
	return pod
}

// TestEndingInTime: a pod that still has time to end is no problem.
func TestEndingInTime(t *testing.T) {
	pod := podOf(t, podActivated+deleted+podSpec+"status:\n  phase: Running"+appRuns)
	for after, want := range map[time.Duration]string{
		30 * time.Second: "",
		31 * time.Second: "ignores SIGTERM: deleted at 03:00:00 with 30 s of grace",
	} {
		asked := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
		if got := Observe(pod, asked.Add(after)).Problem; got != want {
			t.Errorf("after %s: got %q, want %q", after, got, want)
		}
	}
}

func TestWordCounts(t *testing.T) {
	deadline := metav1.NewTime(time.Unix(1_000_030, 0))
	deleted := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &deadline, DeletionGracePeriodSeconds: ptr.To[int64](30)}}
	hurried := deleted.DeepCopy()
	hurried.DeletionGracePeriodSeconds = ptr.To[int64](1)
	for _, c := range []struct {
		name string
		pod  *corev1.Pod
		at   time.Duration // from the deletion of a pod with 30 s grace
		want bool
	}{
		{"a pod that nobody deletes", &corev1.Pod{}, 5 * time.Second, false},
		{"before the deletion, by another clock", deleted, -time.Second, true},
		{"at the deletion", deleted, 0, true},
		{"within the grace period", deleted, 28 * time.Second, true},
		{"so near the deadline that the kubelet may have ended all", deleted, 29 * time.Second, false},
		{"after the deadline", deleted, 31 * time.Second, false},
		{"no room between the deletion and the deadline", hurried, 29500 * time.Millisecond, false},
	} {
		at := time.Unix(1_000_000, 0).Add(c.at)
		if got := WordCounts(c.pod, at); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestOrdinals: what a label can make of a group is bounded.
func TestOrdinals(t *testing.T) {
	for label, want := range map[string]int32{"0": 0, "9999": 9999, "10000": -1, "2147483647": -1, "-1": -1, "x": -1, "": -1} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{v1alpha1.LabelSlot: label}}}
		if got := Observe(pod, now).Ordinal; got != want {
			t.Errorf("%q: %d, want %d", label, got, want)
		}
	}
}

// TestFailedByOthers: a pod is called Failed while its consumer runs, by somebody
// who is no kubelet: the taint manager, for a node that is out of service.
func TestFailedByOthers(t *testing.T) {
	pod := podOf(t, podActivated+deleted+podSpec+"status:\n  phase: Failed"+appRuns)
	if Observe(pod, now).Ended {
		t.Error("it counts as ended")
	}
}
