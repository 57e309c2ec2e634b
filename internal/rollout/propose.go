package rollout

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/kohort-dev/kohort/internal/membership"
)

// move is what shall happen to a slot, if it is permitted.
type move int

const (
	stay move = iota
	// take: set the holder, and activate it.
	take
	// activate the holder again: nothing shows yet that it was.
	activate
	// handover: stop the holder, its successor stands warm, or follows when there
	// is room.
	handover
	// shrink: stop the holder, nobody shall follow.
	shrink
	// renew: stop a holder whose client has given up, so that another takes its place.
	renew
	// leave: stop a holder whose slot is left out of the group, or for which all stop.
	leave
	// join: the successor becomes a member beside the holder.
	join
	// discard: stop a holder that was never activated.
	discard
	// remove: the slot is ended or lost and its id shall leave the group.
	remove
)

// proposal is the next move of a slot, and the pods around it that are to be
// made or deleted. The latter never touch a holder and need no permission.
type proposal struct {
	slot   slot
	move   move
	pod    *Pod   // take, join, activate, handover, shrink, leave, renew, discard
	run    string // the wanted revision
	first  string // why the holder goes before its successor is warm
	leaves string // why it leaves its node
	halt   string // why it is stopped
	again  string // why it makes way for another of its revision
	create []creation
	delete []*Pod
}

// creation is a pod to be made.
type creation struct {
	revision string
	lane     string // of ids that it is told
	atOnce   bool   // nobody holds the slot: it consumes when this pod does
}

// propose is the slot machine, the same for everything that wants.
func propose(s slot, w want) proposal {
	p := proposal{slot: s, run: w.run, first: w.first, leaves: w.elsewhere, again: w.again, halt: w.halt}
	p.move, p.pod = next(s, w)
	p.create = missing(s, w)
	p.delete = unwanted(s, w)
	return p
}

// next is the slot's next move: the first that applies.
func next(s slot, w want) (move, *Pod) {
	h := s.holder
	switch {
	case s.lost():
		return remove, nil
	case h == nil:
		return nextOfFree(s, w)
	case h.Deleting:
		return stay, nil
	case !h.Activated && h.Revision == w.run && w.halt == "":
		return activate, h
	case !h.Activated:
		return discard, h
	}
	return nextOfActive(s, w)
}

// nextOfActive is the next move of a slot whose holder may consume.
func nextOfActive(s slot, w want) (move, *Pod) {
	h := s.holder
	switch {
	case w.run == "":
		return shrink, h
	case w.leftOut, w.halt != "":
		return leave, h
	case w.renew:
		return renew, h
	case s.joins(w.run):
		return nextBeside(s, w)
	case (h.Revision != w.run || w.again != "") && (w.first != "" || s.warm(w.run)):
		return handover, h
	case w.elsewhere != "" && s.movesTo(w.run) && s.warm(w.run):
		return handover, h
	}
	return stay, nil
}

// nextOfFree is the next move of a slot that nobody holds. One that nobody wants either
// leaves the group, once.
func nextOfFree(s slot, w want) (move, *Pod) {
	switch {
	case w.run == "" && !s.state.Since.IsZero():
		return remove, nil
	case w.run != "" && s.warm(w.run) && !w.leftOut && !w.barred && w.halt == "" && !s.occupied():
		return take, s.spare(w.run)
	}
	return stay, nil
}

// occupied says whether a pod that is not the holder may run the slot's
// consumer. It never should; if it does, nobody else is let in.
func (s slot) occupied() bool {
	return s.occupiedIn(s.state.Lane)
}

func (s slot) occupiedIn(lane string) bool {
	return slices.ContainsFunc(s.others, func(p *Pod) bool { return p.active() && p.Lane == lane })
}

// movesTo says whether a pod of a revision waits that can stay where it is.
func (s slot) movesTo(revision string) bool {
	spare := s.spare(revision)
	return spare != nil && spare.Draining == ""
}

// missing are the pods that the slot needs and that are not there.
func missing(s slot, w want) []creation {
	var pods []creation
	stands := s.holder != nil && !s.holder.Deleting
	holds := stands && s.holder.Revision == w.run
	follows := stands && w.first != "" // only when the holder is on its way out
	add := func(revision string, atOnce bool) {
		pods = append(pods, creation{revision, s.laneOf(revision), atOnce})
	}
	if w.run != "" && !holds && !follows && s.spare(w.run) == nil && !s.meets(w.run) {
		add(w.run, !stands)
	}
	elsewhere := w.elsewhere != "" && !s.movesTo(w.run)
	again := w.again != "" && !follows && s.spare(w.run) == nil
	if holds && (elsewhere || again) {
		add(w.run, false)
	}
	if w.keep != "" && w.keep != w.run && s.spare(w.keep) == nil {
		add(w.keep, false)
	}
	return pods
}

// unwanted are the pods of a slot, other than its holder, that are of no use:
// ended ones, a second consumer, and spares beyond one for each wanted revision.
func unwanted(s slot, w want) []*Pod {
	useful := map[*Pod]bool{}
	holds := s.holder != nil && !s.holder.Deleting && s.holder.Revision == w.run
	if w.run != "" && (!holds || w.again != "" || w.elsewhere != "" && s.movesTo(w.run)) {
		useful[s.spare(w.run)] = true
	}
	if w.keep != "" && w.keep != w.run {
		useful[s.spare(w.keep)] = true
	}
	if r := s.overlap.to; r != "" && (w.keep == r || w.run == r && !holds) {
		// Whether the holder consumes may change again, and with it the lane.
		useful[s.spareIn(membership.Plain, r)], useful[s.spareIn(membership.Second, r)] = true, true
	}
	var pods []*Pod
	for _, p := range s.others {
		if !p.Deleting && !useful[p] {
			pods = append(pods, p)
		}
	}
	return pods
}

// suffix ends a pod's name. It is the same each time the same pod is wanted, so
// that an operator that does not see its own pod yet makes no second one; and
// another one for a successor, which stands beside its predecessor.
func suffix(s slot, c creation) string {
	h := fnv.New32a()
	fmt.Fprintf(h, "%d/%s/%s", s.ordinal, c.revision, s.state.Holder)
	if c.lane != membership.Plain {
		fmt.Fprintf(h, "/%s", c.lane)
	}
	for _, p := range s.others {
		if p.Deleting && !p.Activated {
			fmt.Fprintf(h, "/%s", p.UID) // it may hang for ever, and keeps its name
		}
	}
	return rand.SafeEncodeString(strconv.FormatUint(uint64(h.Sum32()), 10))
}
