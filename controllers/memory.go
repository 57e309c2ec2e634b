package controllers

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kohort-dev/kohort/internal/lag"
	"github.com/kohort-dev/kohort/internal/scaling"
)

// memory is what is remembered of ConsumerGroups between two passes and may be
// lost at any time: nothing that is decided is wrong without it, only later or
// dearer.
type memory struct {
	mu     sync.Mutex
	groups map[types.NamespacedName]*recollection
}

// recollection is what is remembered of one ConsumerGroup. One pass at a time
// uses it.
type recollection struct {
	uid types.UID
	// history of the scaling.
	history []scaling.Recommendation
	// verdicts of the API server about the pods of a revision.
	verdicts map[string]verdict
	// configs are what the template's ConfigMaps and Secrets held when they were last read.
	configs configured
	// recorded are the revisions that are known to have a ControllerRevision.
	recorded map[string]bool
	// reportedAt is when the status was last written.
	reportedAt time.Time
	// laggedAt is when lag was last written to the status.
	laggedAt time.Time
	// refusal is why a quota refused a pod, and when it last did.
	refusal   string
	refusedAt time.Time
	// rebalances that the metrics were told of.
	rebalances lag.Rebalances
	// configured is the configuration that the broker was last given for the group, when,
	// and why it did not take it.
	configured   string
	configuredAt time.Time
	unconfigured string
	// toldOfClients is the reason for which ClientsConform was last told of.
	toldOfClients string
	// foreignBudget is the PodDisruptionBudget of somebody else that was told of.
	foreignBudget string
	// removedBy is the time of the reading by whose word members were last removed.
	removedBy time.Time
}

// noRoomFor is how long a quota that refused a pod is taken to be exhausted.
const noRoomFor = time.Minute

// noRoom is why no further pod can be made; "" if one can, for all that is known.
func (k *recollection) noRoom(now time.Time) string {
	if k.refusal == "" || now.Sub(k.refusedAt) > noRoomFor {
		return ""
	}
	return k.refusal
}

// of is what is remembered of an object; nothing, if another of its name was
// there before.
func (m *memory) of(key types.NamespacedName, uid types.UID) *recollection {
	m.mu.Lock()
	defer m.mu.Unlock()
	if kept := m.groups[key]; kept != nil && kept.uid == uid {
		return kept
	}
	if m.groups == nil {
		m.groups = map[types.NamespacedName]*recollection{}
	}
	kept := &recollection{
		uid:      uid,
		verdicts: map[string]verdict{},
		recorded: map[string]bool{},
	}
	m.groups[key] = kept
	return kept
}

func (m *memory) forget(key types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.groups, key)
}
