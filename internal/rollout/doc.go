// Package rollout decides what happens to the pods and the members of a
// consumer group: filling slots, scaling, releases, rollback and repair. It is
// one function, Decide, so that no two of these can contradict each other.
//
// # Four steps
//
//	advance(state, gate) -> state      the only place where a rollout's steps move
//	wants(state, size)   -> []want     which revision shall hold each slot
//	propose(slot, want)  -> proposal   one state machine for a slot
//	permit([]proposal)   -> []Action   what of it may happen now
//
// # A slot
//
// A slot owns one group.instance.id for each consumer in its pod. Its holder is the
// one pod that may use them. It is a member when all of them are, and absent when
// one of them is and no pod consumes.
//
//	          create               set holder            activate
//	(empty) ----------> warm pod ---------------> holder ----------> consuming
//	   ^                   |   (only when the one          (when that    |
//	   |                   |    before has ended)           is written)  |
//	   |                   v                                             v
//	   |              nobody wants it:                         outdated, unwanted,
//	   |              delete                                   and a successor warm:
//	   |                                                       stop (delete)
//	   |                                                                 |
//	   +-------------------- ended <-------------------------------------+
//	   |    (the object stays until this is written, then it is released)
//	   |
//	   +-- gone, and nobody saw the end: lost. The ids are removed from the
//	       group and are free when they stayed away for two heartbeats.
//
// # Why there is at most one consumer per id
//
// A holder is written to the object's status with optimistic locking, and only
// when the holder before it has ended (or was lost and its id stayed away). Only
// a pod that the written state names as the holder is activated, after the
// write. So an operator that acts on an old state activates either the holder,
// which is harmless to repeat, or a pod that has ended, which is harmless too.
// Everything else (creating a pod, deleting it by UID, removing a member by its
// member id) can be repeated and lost at will.
//
// # What a rollout does
//
// Begun are the slots that are handed to the new revision, Passed those that came
// through the gate. A slot is begun when its successor stands warm, the group is
// fit to change, and fewer than maxUnavailable are begun and not passed. The gate
// passes a slot when the group was settled for settledSeconds, the slot's commits
// move where it has lag, and neither its lag nor its restarts are worse than the
// baseline; it fails when they are worse, or when the deadline is over. Time
// without a reading counts for nothing.
//
// So it goes with Rolling. BlueGreen begins all slots together, when a successor of each
// stands warm and, where that is asked for, a person has promoted it. Canary begins the
// slots that its steps choose, and pauses between them; the others follow by one of the
// other two. They differ in which slots they begin when, and in what stands warm: the slot
// machine, the gate and the permit are the same.
package rollout
