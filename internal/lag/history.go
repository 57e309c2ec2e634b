package lag

import "slices"

// History is what is remembered of a group's commits beside its readings. The zero value
// remembers nothing.
type History struct {
	partitions []committedTo // in order
}

// committedTo is what is remembered of one partition.
type committedTo struct {
	TopicPartition
	commits Commits
	log     *Ends // another one says that the log is another
	owned   bool  // by a member, in the reading that is judged
}

// Judge puts into a reading, which is the group's next one, what follows from it and from
// those before: each partition's Status, and when its oldest record that waits was
// appended. ends are those of a partition's log; nil if none was read.
func (h *History) Judge(r *Reading, ends func(TopicPartition) *Ends, rules Rules) {
	if r.Err != "" {
		return
	}
	h.follow(r)
	for i := range r.Partitions {
		p, past := &r.Partitions[i], &h.partitions[i]
		log := ends(p.TopicPartition)
		if log == nil {
			continue
		}
		if log != past.log {
			past.log, past.commits = log, Commits{}
		}
		past.commits.Poll(r.At, *p, past.owned, rules)
		behind, known := p.Lag()
		if !known {
			behind = Unknown
		}
		p.Status = past.commits.Status(r.At, behind, log.Lowest(r.At.Add(-rules.Window)), rules)
		if behind > 0 {
			p.Oldest, _ = log.AppendedAt(p.position())
		}
	}
}

// follow keeps in step with a reading: with which partitions there are, and which of them
// are owned. Those that are gone are forgotten.
func (h *History) follow(r *Reading) {
	same := func(past committedTo, p Partition) bool { return past.TopicPartition == p.TopicPartition }
	if !slices.EqualFunc(h.partitions, r.Partitions, same) {
		before := *h
		h.partitions = make([]committedTo, len(r.Partitions))
		for i, p := range r.Partitions {
			h.partitions[i].TopicPartition = p.TopicPartition
			if at, found := before.find(p.TopicPartition); found {
				h.partitions[i] = before.partitions[at]
			}
		}
	}
	for i := range h.partitions {
		h.partitions[i].owned = false
	}
	for _, m := range r.Members {
		for _, tp := range m.Assigned {
			if at, found := h.find(tp); found {
				h.partitions[at].owned = true
			}
		}
	}
}

func (h *History) find(tp TopicPartition) (at int, found bool) {
	return slices.BinarySearchFunc(h.partitions, tp, func(past committedTo, tp TopicPartition) int { return past.Compare(tp) })
}

// Judged is a group's reading with the commits by which its partitions were judged.
type Judged struct {
	Reading Reading
	Commits [][]Commit // of each of the reading's partitions
	Rules   Rules
}

// Judged is the reading that was judged last, with what it was judged by.
func (h *History) Judged(r Reading, rules Rules) Judged {
	judged := Judged{Reading: r, Commits: make([][]Commit, len(r.Partitions)), Rules: rules}
	for i, p := range r.Partitions {
		if at, found := h.find(p.TopicPartition); found {
			judged.Commits[i] = h.partitions[at].commits.All()
		}
	}
	return judged
}

// Status of the group: of its partitions together.
func (r *Reading) Status() Status {
	statuses := make([]Status, len(r.Partitions))
	for i, p := range r.Partitions {
		statuses[i] = p.Status
	}
	return GroupStatus(statuses...)
}
