package rollout

import (
	"fmt"
	"slices"
	"time"

	"github.com/kohort-dev/kohort/internal/lag"
	"github.com/kohort-dev/kohort/internal/membership"
)

// The group as the broker keeps it: static members of the classic protocol with
// an eager range assignor (GroupMetadataManager, and measured on Kafka 4.4).

// moveGroup moves the group's members on by one tick.
func (w *world) moveGroup() {
	w.landRemovals()
	w.landSettings()
	for _, id := range w.strangers {
		w.moveStranger(id)
	}
	for _, p := range w.live() {
		for i := range p.consumers {
			w.moveMember(p, &p.consumers[i])
		}
	}
	for _, id := range sortedKeys(w.members) {
		if m := w.members[id]; w.now.Sub(m.lastSeen) > m.session {
			w.dropMember(id)
		}
	}
	if w.preparing && w.now.Sub(w.prepared) >= brokerSettling && (w.kip848 || len(w.joining) >= len(w.members)) {
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

// landSettings sets offsets, which a broker lets nobody do to a group that has members.
func (w *world) landSettings() {
	var later []setting
	for _, s := range w.sets {
		if s.at.After(w.now) {
			later = append(later, s)
			continue
		}
		if len(w.members) > 0 {
			continue
		}
		w.set = s.offsets
		for tp, at := range s.offsets {
			switch {
			case tp.Topic == simTopic:
				w.offsets[tp.Partition].committed = at
			case w.added != nil:
				w.added.set = true
			}
		}
	}
	w.sets = later
}

// moveMember joins a consumer, and lets it heartbeat. One whose member was removed
// joins again; one whose id was taken over is fenced and is done.
func (w *world) moveMember(p *simPod, c *simConsumer) {
	m := w.members[c.id]
	switch {
	case c.memberID == "" && !due(c.joinAt, w.now):
	case c.memberID == "" && w.kip848 && m != nil && !m.left:
		w.refuse(p, c)
	case c.memberID == "":
		w.join(c, p.Session)
	case m == nil:
		c.memberID, c.joinAt = "", w.now.Add(w.between(0, simHeartbeat))
	case m.memberID == c.memberID:
		m.lastSeen = w.now
		w.joining[c.id] = true
	}
}

// refuse: the broker does not let a consumer join, which tries again, or gives up and
// lives on, or ends its process.
func (w *world) refuse(p *simPod, c *simConsumer) {
	switch {
	case w.exits:
		w.crash(p)
	case w.quitters:
		c.joinAt, c.gaveUp = time.Time{}, true
	default:
		c.joinAt = w.now.Add(2 * time.Second)
	}
}

func (w *world) join(c *simConsumer, session time.Duration) {
	w.uids++
	c.memberID = fmt.Sprintf("%s-member-%d", c.id, w.uids)
	if w.members[c.id] == nil {
		w.members[c.id] = &simMember{}
		w.prepare()
	}
	m := w.members[c.id]
	m.memberID, m.lastSeen, m.session, m.left = c.memberID, w.now, session, false
	w.joining[c.id] = true
}

// moveStranger has a member join that is nobody's, and stay.
func (w *world) moveStranger(id string) {
	if w.members[id] == nil {
		w.members[id] = &simMember{memberID: id + "-member", session: simSession}
		w.prepare()
	}
	w.members[id].lastSeen, w.joining[id] = w.now, true
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
		w.epoch++
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

// moveOffsets produces, and lets every owner consume what it can.
func (w *world) moveOffsets() {
	produced := int64(simRate * tick / time.Second)
	for i := range w.offsets {
		w.offsets[i].end += produced
	}
	if w.preparing && !w.kip848 || !w.now.After(w.brokerAway) || !w.now.After(w.noCommits) {
		return
	}
	for _, p := range w.live() {
		if w.stands != nil && w.stands(p) {
			continue
		}
		for _, c := range p.consumers {
			if w.isMember(c) && w.throttled != nil && w.throttled(p) {
				for _, n := range w.owners[c.id] {
					w.offsets[n].committed = min(w.offsets[n].end, w.offsets[n].committed+produced*9/10)
				}
			} else if w.isMember(c) {
				w.begin(p, w.owners[c.id])
				w.consume(kindOf(p.Revision), w.owners[c.id], produced)
			}
		}
	}
}

// begin notes where a pod goes on from.
func (w *world) begin(p *simPod, partitions []int32) {
	for _, n := range partitions {
		if last := len(w.began[n]) - 1; last < 0 || w.began[n][last].pod != p.UID {
			w.began[n] = append(w.began[n], simBeginning{w.now, p.UID, p.Revision, w.offsets[n].committed})
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
		case good, tooFew, erring:
			o.committed = min(o.end, o.committed+20*produced)
		case slow:
			o.committed = min(o.end, o.committed+produced/5)
		}
	}
}

// read is what a collector reads at this moment.
func (w *world) read() lag.Reading {
	r := lag.Reading{At: w.now, CommitsFirst: w.now.Sub(simEpoch)/tick%2 == 0}
	if !w.now.After(w.brokerAway) {
		r.Err = "no broker answers"
		return r
	}
	if r.Brokers = 3; !w.now.After(w.unrest) {
		r.Brokers = 2
	}
	r.State, r.Assignor = lag.StateStable, "range"
	if w.preparing {
		r.State = lag.StatePreparingRebalance
	}
	if w.kip848 {
		if r.Epoch = w.epoch + 1; w.preparing {
			r.State = lag.StateReconciling
		}
	}
	if len(w.members) == 0 {
		r.State = lag.StateEmpty
	}
	for _, id := range sortedKeys(w.members) {
		m := lag.Member{InstanceID: id, MemberID: w.members[id].memberID, Left: w.members[id].left}
		if !w.preparing || w.kip848 {
			for _, n := range w.owners[id] {
				m.Assigned = append(m.Assigned, lag.TopicPartition{Topic: simTopic, Partition: n})
			}
		}
		r.Members = append(r.Members, m)
	}
	for n, o := range w.offsets {
		committed := o.committed
		p := lag.Partition{TopicPartition: lag.TopicPartition{Topic: simTopic, Partition: int32(n)}, Committed: &committed, Start: w.retained, End: o.end}
		if w.unreadable[n] && !w.now.After(w.noCommits) {
			p = lag.Partition{TopicPartition: p.TopicPartition, Err: "its leader is away"}
		}
		r.Partitions = append(r.Partitions, p)
	}
	w.dated(&r)
	w.readAdded(&r)
	if w.distort != nil {
		w.distort(&r)
	}
	return r
}

// readAdded adds what is read of the second topic, which the first member owns.
func (w *world) readAdded(r *lag.Reading) {
	if w.added == nil {
		return
	}
	for i := range r.Members {
		r.Members[i].Topics = w.topics()
	}
	zero := int64(0)
	for n := range int32(addedPartitions) {
		tp := lag.TopicPartition{Topic: addedName, Partition: n}
		read := lag.Partition{TopicPartition: tp}
		if !w.unowned(n) || w.added.set {
			read.Committed = &zero
		}
		r.Partitions = append(r.Partitions, read)
		if len(r.Members) > 0 && r.State == lag.StateStable && !w.unowned(n) {
			r.Members[0].Assigned = append(r.Members[0].Assigned, tp)
		}
	}
}

// unowned says whether a partition of the second topic has no owner.
func (w *world) unowned(partition int32) bool {
	return partition < w.added.unowned && w.rebalances == w.added.at
}

// topics are the group's.
func (w *world) topics() []string {
	if w.added == nil {
		return []string{simTopic}
	}
	return []string{simTopic, addedName}
}

// addTopic adds it, with so many partitions that nobody owns yet.
func (w *world) addTopic(unowned int32) { w.added = &addedTopic{unowned: unowned, at: w.rebalances} }

// owns says whether a slot owned a partition after the last rebalance.
func (w *world) owns(ordinal int32) bool {
	ids := append(idsOf(w.names, ordinal), idsOf(w.names.In(membership.Second), ordinal)...)
	return slices.ContainsFunc(ids, func(id string) bool { return len(w.owners[id]) > 0 })
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
