package rollout

import (
	"fmt"
	"slices"
	"time"

	"github.com/kohort-dev/kohort/internal/lag"
)

// The group as the broker keeps it: static members of the classic protocol with
// an eager range assignor (GroupMetadataManager, and measured on Kafka 4.4).

// moveGroup moves the group's members on by one tick.
func (w *world) moveGroup() {
	w.landRemovals()
	for _, p := range w.live() {
		w.moveMember(p)
	}
	for _, id := range sortedKeys(w.members) {
		if w.now.Sub(w.members[id].lastSeen) > simSession {
			w.dropMember(id)
		}
	}
	if w.preparing && w.now.Sub(w.prepared) >= brokerSettling && len(w.joining) >= len(w.members) {
		w.assign()
	}
}

func (w *world) landRemovals() {
	var later []removal
	for _, r := range w.removals {
		if r.at.After(w.now) {
			later = append(later, r)
			continue
		}
		for _, ref := range r.members {
			if m := w.members[ref.InstanceID]; m != nil && m.memberID == ref.MemberID {
				w.dropMember(ref.InstanceID)
			}
		}
	}
	w.removals = later
}

// moveMember joins a process, and lets it heartbeat. A process whose member was
// removed joins again; one whose id was taken over is fenced and is done.
func (w *world) moveMember(p *simPod) {
	id := idOf(p.Ordinal)
	m := w.members[id]
	switch {
	case p.memberID == "":
		if due(p.joinAt, w.now) {
			w.join(p, id)
		}
	case m == nil:
		p.memberID, p.joinAt = "", w.now.Add(w.between(0, simHeartbeat))
	case m.memberID == p.memberID:
		m.lastSeen = w.now
		w.joining[id] = true
	}
}

func (w *world) join(p *simPod, id string) {
	w.uids++
	p.memberID = fmt.Sprintf("%s-member-%d", id, w.uids)
	if w.members[id] == nil {
		w.members[id] = &simMember{}
		w.prepare()
	}
	m := w.members[id]
	m.memberID, m.lastSeen = p.memberID, w.now
	w.joining[id] = true
}

func (w *world) dropMember(id string) {
	delete(w.members, id)
	delete(w.joining, id)
	w.prepare()
}

// prepare opens a rebalance: everybody joins again, the absent are waited for.
func (w *world) prepare() {
	if !w.preparing {
		w.rebalances++
	}
	w.preparing, w.prepared = true, w.now
	w.joining = map[string]bool{}
}

func (w *world) assign() {
	w.preparing = false
	w.owners = map[string][]int32{}
	ids := sortedKeys(w.members)
	for i, id := range ids {
		q, r := simPartitions/len(ids), simPartitions%len(ids)
		from := i*q + min(i, r)
		for n := from; n < from+q+btoi(i < r); n++ {
			w.owners[id] = append(w.owners[id], int32(n))
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// moveOffsets produces, and lets every owner consume what it can.
func (w *world) moveOffsets() {
	produced := int64(simRate * tick / time.Second)
	for i := range w.offsets {
		w.offsets[i].end += produced
	}
	if w.preparing || !w.now.After(w.brokerAway) {
		return
	}
	for _, p := range w.live() {
		id := idOf(p.Ordinal)
		if m := w.members[id]; m == nil || m.memberID != p.memberID {
			continue
		}
		if w.stands != nil && w.stands(p) {
			continue
		}
		for _, n := range w.owners[id] {
			o := &w.offsets[n]
			switch kindOf(p.Revision) {
			case good:
				o.committed = min(o.end, o.committed+20*produced)
			case slow:
				o.committed = min(o.end, o.committed+produced/5)
			}
		}
	}
}

// read is what a collector reads at this moment.
func (w *world) read() lag.Reading {
	r := lag.Reading{At: w.now}
	if !w.now.After(w.brokerAway) {
		r.Err = "no broker answers"
		return r
	}
	r.State = lag.StateStable
	if w.preparing {
		r.State = lag.StatePreparingRebalance
	}
	if len(w.members) == 0 {
		r.State = lag.StateEmpty
	}
	for _, id := range sortedKeys(w.members) {
		m := lag.Member{InstanceID: id, MemberID: w.members[id].memberID}
		if !w.preparing {
			for _, n := range w.owners[id] {
				m.Assigned = append(m.Assigned, lag.TopicPartition{Topic: simTopic, Partition: n})
			}
		}
		r.Members = append(r.Members, m)
	}
	for n, o := range w.offsets {
		committed := o.committed
		r.Partitions = append(r.Partitions, lag.Partition{
			TopicPartition: lag.TopicPartition{Topic: simTopic, Partition: int32(n)},
			Committed:      &committed, End: o.end,
		})
	}
	if w.distort != nil {
		w.distort(&r)
	}
	return r
}

// memberOf says whether a pod's process is the group's member for its slot.
func (w *world) memberOf(p *simPod) bool {
	m := w.members[idOf(p.Ordinal)]
	return m != nil && p.memberID == m.memberID && p.proc
}

func (w *world) quiet() bool {
	return !w.preparing && len(w.removals) == 0 && !slices.ContainsFunc(w.pods, func(p *simPod) bool {
		return p.proc && !w.memberOf(p)
	})
}
