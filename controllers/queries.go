package controllers

import (
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/rollout"
)

// noPrometheus is why no query is answered where an administrator has named no Prometheus.
// An object cannot: it could have the operator call any host.
const noPrometheus = "the operator has no Prometheus to ask: start it with --prometheus-url, or remove the check from rollout.gate.prometheus"

// queriesOf are the checks of the gate that ask Prometheus, with what was answered so far.
// They are asked while a rollout is under way, or about to be.
func (r *ConsumerGroupReconciler) queriesOf(s seen) []rollout.Query {
	key := client.ObjectKeyFromObject(s.group)
	var all []rollout.Query
	var texts []string
	for _, check := range s.group.Spec.Rollout.Gate.Prometheus {
		all = append(all, rollout.Query{Name: check.Name, Max: check.Bound(), OfRevision: check.OfRevision()})
		texts = append(texts, s.group.QueryFor(check, s.revision))
	}
	switch {
	case r.Prometheus == nil:
		for i := range all {
			all[i].Answers = []rollout.Answer{{At: s.now, Unknown: noPrometheus}}
		}
		return all
	case len(all) == 0 || !s.rollsOut():
		r.Prometheus.Forget(key)
		return all
	}
	for i, answers := range r.Prometheus.Ask(key, texts) {
		for _, a := range answers {
			all[i].Answers = append(all[i].Answers, rollout.Answer(a))
		}
	}
	return all
}

// rollsOut: the group has another revision than it shall have, and the gate has a say in
// whether it gets it, which it has not where a person has gone back.
func (s seen) rollsOut() bool {
	state := s.group.Status.State
	if state.Size == nil || s.revision == state.Stable || state.Override != nil || s.stall.holdsStill() || !s.group.DeletionTimestamp.IsZero() {
		return false
	}
	ro := state.Rollout
	return ro == nil || ro.To != s.revision || ro.Stage == v1alpha1.RolloutProgressing
}
