package rollout

import (
	"fmt"
	"math/rand"
	"sort"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
	"github.com/kohort-dev/kohort/internal/membership"
)

// The world of the simulation: what is true of pods, processes and the group,
// while operators see parts of it, late. It moves in steps of tick.
const (
	tick            = 500 * time.Millisecond
	simHeartbeat    = 3 * time.Second
	simSession      = 20 * time.Second // the shortest; it may be tuned up to
	simSessionMax   = 60 * time.Second
	simCrashBackOff = 60 * time.Second
	simNodes        = 3
	simPartitions   = 12
	simRate         = 20 // records per partition and second
	simPrefix       = "orders-0000a"
	simTopic        = "orders"
	podGrace        = 6 * time.Second
	removalFlight   = 3 * time.Second // a LeaveGroup may land so late
	brokerSettling  = 1 * time.Second
)

var simEpoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

type simMember struct {
	memberID string
	lastSeen time.Time
	session  time.Duration
	left     bool // it closed in order (KIP-848)
}

type simOffsets struct{ end, committed int64 }

// simBeginning is where a pod went on from in a partition.
type simBeginning struct {
	at       time.Time
	pod      types.UID
	revision string
	offset   int64
}

// simSpec is what the user asks for.
type simSpec struct {
	Revision  string
	Desired   int32
	Budget    int
	Strategy  v1alpha1.Strategy
	KeepBlue  time.Duration
	Steps     []v1alpha1.CanaryStep
	Then      v1alpha1.Strategy
	Handover  v1alpha1.Handover
	Paused    bool
	DeletedAt time.Time
}

// object is the ConsumerGroup at the API server.
type object struct {
	version int
	spec    simSpec
	state   v1alpha1.GroupState
}

// room is what there is for a successor beside its predecessor.
type room int

const (
	ample   room = iota
	cramped      // no node takes it
	quota        // the API server refuses it
)

// addedTopic is a topic of which some partitions have no owner until the next rebalance,
// as with Java and librdkafka under static membership.
type addedTopic struct {
	unowned int32
	at      int  // rebalances before it was added
	set     bool // its offsets were set
}

const (
	addedName       = "refunds"
	addedPartitions = 2
)

// simRecord is what a RolloutRecord has.
type simRecord struct {
	from, to   string
	boundaries []v1alpha1.TopicOffsets
	number     int64 // of a rollout that may not be over
}

// setting of offsets is under way to the broker.
type setting struct {
	at      time.Time
	offsets map[lag.TopicPartition]int64
}

type removal struct {
	at      time.Time
	members []MemberRef
}

type world struct {
	rng *rand.Rand
	now time.Time
	// overlaps draws how releases hand over; nil: they do so by SameId, and nothing is
	// drawn for it.
	overlaps *rand.Rand

	names   membership.Naming
	object  object
	objects []object // all versions, for stale views
	pods    []*simPod
	podLog  [][]Pod // all versions of the list of pods

	members     map[string]*simMember
	owners      map[string][]int32 // as of the last rebalance
	joining     map[string]bool    // while rebalancing: who has joined again
	preparing   bool
	prepared    time.Time // when the rebalance began
	offsets     [simPartitions]simOffsets
	began       [simPartitions][]simBeginning // who has consumed a partition, and from where
	brokerAway  time.Time                     // until
	unreadUntil time.Time                     // no reading is taken until then, not even a failed one
	noCommits   time.Time                     // until: the broker takes none
	unreadable  [simPartitions]bool           // in that time
	stuck       [simPartitions]bool           // nothing of them is committed until unrest
	unrest      time.Time                     // until: one of three brokers is away
	removals    []removal
	rebalances  int

	// distort changes what is read; stands says whose consumers commit nothing, crashes
	// whose crash at their start, and unpulled who never gets warm. For what is told and
	// not drawn by lot.
	distort                   func(*lag.Reading)
	stands, crashes, unpulled func(*simPod) bool
	// throttled are those that consume a little less than what is produced.
	throttled func(*simPod) bool
	// unstarted are those that cannot be started when they are activated.
	unstarted    func(*simPod) bool
	cordoned     [simNodes]bool
	minAvailable int32 // of the PodDisruptionBudget
	evictsFrom   time.Time
	evicted      int           // pods that were ready
	keepReadings time.Duration // 0: a minute
	readEvery    time.Duration // 0: a second
	lostWaits    bool
	lostDead     []string
	// added is a second topic of two partitions to which all subscribe; nil: there is none.
	added *addedTopic
	// kip848: the group is one of type consumer. unclean: its clients do not tell the
	// broker when they close. A client that is refused gives up (quitters), or ends its
	// process (exits).
	kip848, unclean, quitters, exits bool
	epoch                            int32
	// strangers are instance ids of members that are none of the group's.
	strangers []string

	crashBackOff time.Duration // 0: simCrashBackOff
	joinsAfter   time.Duration // how long a program takes to start, at least

	// awaitsPromotion: a person has to promote a release by BlueGreen. commands are the
	// annotations that people have set.
	awaitsPromotion bool
	commands        map[string]string
	records         []simRecord // of rollouts that are over
	sets            []setting
	set             map[lag.TopicPartition]int64 // that landed last
	retained        int64                        // where the logs start
	readsAtOnce     bool                         // when an operator wants to; else when the time has come
	pauseOnFailure  bool
	pauseOnChange   bool
	checks          simChecks

	warm      v1alpha1.Warm
	room      room
	refusedAt time.Time // when a quota refused a pod

	endpoint bool // pods may be activated before their annotation, and tell their end
	uids     int
	telling  bool // keep a log
	log      []string
}

func newWorld(seed int64, spec simSpec, names membership.Naming) *world {
	w := &world{
		names: names,
		rng:   rand.New(rand.NewSource(seed)), now: simEpoch,
		commands: map[string]string{}, members: map[string]*simMember{}, owners: map[string][]int32{}, joining: map[string]bool{},
	}
	w.object.spec = spec
	w.saveObject()
	w.savePods()
	return w
}

func (w *world) logf(format string, args ...any) {
	if !w.telling {
		return
	}
	w.log = append(w.log, fmt.Sprintf("%6.1fs  ", w.now.Sub(simEpoch).Seconds())+fmt.Sprintf(format, args...))
}

func (w *world) between(a, b time.Duration) time.Duration {
	return a + time.Duration(w.rng.Int63n(int64(b-a)+1))
}

func (w *world) saveObject() {
	w.object.version++
	kept := w.object
	kept.state = *w.object.state.DeepCopy()
	w.objects = append(w.objects, kept)
}

// savePods keeps a version of the list of pods, if it changed.
func (w *world) savePods() {
	changed := len(w.podLog) == 0
	for _, p := range w.pods {
		shown := p.Pod
		shown.Version = ""
		if shown != p.shown || p.vanished && !p.goneShown {
			p.shown, p.goneShown, changed = shown, p.vanished, true
			p.Version = strconv.Itoa(len(w.podLog))
		}
	}
	if !changed {
		return
	}
	var list []Pod
	for _, p := range w.pods {
		if !p.vanished {
			list = append(list, p.Pod)
		}
	}
	w.podLog = append(w.podLog, list)
}

// step moves the truth on by one tick.
func (w *world) step() {
	w.now = w.now.Add(tick)
	for _, p := range w.pods {
		w.movePod(p)
	}
	w.evict()
	w.savePods()
	if w.now.After(w.brokerAway) {
		w.moveGroup()
	}
	w.moveOffsets()
}

func sortedKeys[K ~string, V any](m map[K]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, string(k))
	}
	sort.Strings(keys)
	return keys
}

// idsOf are the instance ids of a slot.
func idsOf(names membership.Naming, ordinal int32) []string {
	id := fmt.Sprintf("%s-%04d", names.Prefix, ordinal)
	if names.Lane != "" {
		id += "-" + names.Lane
	}
	if names.PerPod <= 1 && !names.Numbered {
		return []string{id}
	}
	var ids []string
	for n := range max(1, names.PerPod) {
		ids = append(ids, fmt.Sprintf("%s-%d", id, names.FirstNumber+n))
	}
	return ids
}
