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
		for i := range p.consumers {
			w.moveMember(&p.consumers[i])
		}
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

// moveMember joins a consumer, and lets it heartbeat. One whose member was removed
// joins again; one whose id was taken over is fenced and is done.
func (w *world) moveMember(c *simConsumer) {
	m := w.members[c.id]
	switch {
	case c.memberID == "":
		if due(c.joinAt, w.now) {
			w.join(c)
		}
	case m == nil:
		c.memberID, c.joinAt = "", w.now.Add(w.between(0, simHeartbeat))
	case m.memberID == c.memberID:
		m.lastSeen = w.now
		w.joining[c.id] = true
	}
}

func (w *world) join(c *simConsumer) {
	w.uids++
	c.memberID = fmt.Sprintf("%s-member-%d", c.id, w.uids)
	if w.members[c.id] == nil {
		w.members[c.id] = &simMember{}
		w.prepare()
	}
	m := w.members[c.id]
	m.memberID, m.lastSeen = c.memberID, w.now
	w.joining[c.id] = true
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
	if w.preparing || !w.now.After(w.brokerAway) || !w.now.After(w.noCommits) {
		return
	}
	for _, p := range w.live() {
		if w.stands != nil && w.stands(p) {
			continue
		}
		for _, c := range p.consumers {
			if w.isMember(c) {
				w.consume(kindOf(p.Revision), w.owners[c.id], produced)
			}
		}
	}
}

func (w *world) consume(k kind, partitions []int32, produced int64) {
	for _, n := range partitions {
		o := &w.offsets[n]
		if w.stuck[n] && !w.now.After(w.unrest) {
			continue
		}
		switch k {
		case good, tooFew:
			o.committed = min(o.end, o.committed+20*produced)
		case slow:
			o.committed = min(o.end, o.committed+produced/5)
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
	if r.Brokers = 3; !w.now.After(w.unrest) {
		r.Brokers = 2
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
		p := lag.Partition{TopicPartition: lag.TopicPartition{Topic: simTopic, Partition: int32(n)}, Committed: &committed, End: o.end}
		if w.unreadable[n] && !w.now.After(w.noCommits) {
			p = lag.Partition{TopicPartition: p.TopicPartition, Err: "its leader is away"}
		}
		r.Partitions = append(r.Partitions, p)
	}
	if w.distort != nil {
		w.distort(&r)
	}
	return r
}

// owns says whether a slot owned a partition after the last rebalance.
func (w *world) owns(ordinal int32) bool {
	return slices.ContainsFunc(idsOf(w.names, ordinal), func(id string) bool { return len(w.owners[id]) > 0 })
}

func (w *world) isMember(c simConsumer) bool {
	m := w.members[c.id]
	return m != nil && m.memberID == c.memberID
}

// memberOf says whether a pod's process is the group's member for its slot, with
// all of its consumers.
func (w *world) memberOf(p *simPod) bool {
	return p.proc && !slices.ContainsFunc(p.consumers, func(c simConsumer) bool { return !w.isMember(c) })
}

func (w *world) quiet() bool {
	return !w.preparing && len(w.removals) == 0 && !slices.ContainsFunc(w.pods, func(p *simPod) bool {
		return p.proc && !w.memberOf(p)
	})
}
