package rollout

import (
	"fmt"
	"maps"
	"time"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// interfere is what users and bad luck do.
func (s *simulation) interfere() {
	w := s.w
	spec := &w.object.spec
	drawn := w.rng.Intn(120)
	if drawn <= 2 && (w.now.Before(w.noCommits.Add(2*judgeFor)) || w.now.Before(w.unrest.Add(2*judgeFor))) {
		return
	}
	switch drawn {
	case 0, 1:
		s.revisions++
		k := good
		if w.rng.Intn(2) == 0 {
			k = badKinds[w.rng.Intn(len(badKinds))]
		}
		spec.Revision = fmt.Sprintf("r%d-%s", s.revisions, w.drawKind(k))
		w.drawStrategy()
		w.logf("the user applies %s", spec.Revision)
		w.saveObject()
	case 2:
		if stable := w.object.state.Stable; stable != "" {
			spec.Revision = stable
			w.logf("the user applies %s again", stable)
			w.saveObject()
		}
	case 3, 4:
		spec.Desired = int32(w.rng.Intn(8))
		w.logf("%d slots are desired", spec.Desired)
		w.saveObject()
	case 5:
		spec.Paused = !spec.Paused
		w.logf("paused: %v", spec.Paused)
		w.saveObject()
	case 6:
		w.brokerAway = w.now.Add(w.between(time.Second, 40*time.Second))
		w.logf("the broker is away until %.1fs", w.brokerAway.Sub(simEpoch).Seconds())
	case 9:
		w.unreadUntil = w.now.Add(w.between(time.Second, 40*time.Second))
		w.logf("nothing is read until %.1fs", w.unreadUntil.Sub(simEpoch).Seconds())
	case 10:
		// What begins in an outage is judged by what the group is like then.
		if r := w.object.state.Rollout; r != nil && r.Stage == v1alpha1.RolloutProgressing && r.To == spec.Revision {
			w.noCommits = w.now.Add(w.between(time.Second, 40*time.Second))
			for n := range w.unreadable {
				w.unreadable[n] = w.rng.Intn(8) == 0
			}
			w.logf("no commit is taken until %.1fs", w.noCommits.Sub(simEpoch).Seconds())
		}
	case 11:
		if w.strangers = w.strangers[:0]; w.rng.Intn(2) == 0 {
			w.strangers = append(w.strangers, "stranger")
		}
		w.logf("strangers in the group: %v", w.strangers)
	case 12:
		ordinal, until := int32(w.rng.Intn(6)), w.now.Add(w.between(5*time.Second, 60*time.Second))
		w.crashes = func(p *simPod) bool { return p.Ordinal == ordinal && w.now.Before(until) }
		w.logf("consumers of slot %d crash until %.1fs", ordinal, until.Sub(simEpoch).Seconds())
	case 13:
		w.cordoned = [simNodes]bool{}
		if w.rng.Intn(3) > 0 {
			w.cordoned[w.rng.Intn(simNodes)] = true
		}
		w.logf("cordoned nodes: %v", w.cordoned)
	case 14:
		w.addTopic(addedPartitions)
		w.logf("a topic is added")
	case 15:
		if r := w.object.state.Rollout; r != nil && r.Stage == v1alpha1.RolloutProgressing && r.To == spec.Revision {
			w.unrest = w.now.Add(w.between(time.Second, 20*time.Second))
			for n := range w.stuck {
				w.stuck[n] = w.rng.Intn(3) == 0
			}
			w.logf("a broker is away until %.1fs", w.unrest.Sub(simEpoch).Seconds())
		}
	case 16:
		s.promote()
	case 17:
		s.command()
	case 7:
		s.operators = append(s.operators[:0:0], s.operators[0], newOperator(w))
		w.logf("a second operator believes that it leads")
	case 8:
		s.operators = s.operators[:1]
	default:
		s.harmPod()
	}
}

// harmPod deletes, loses or crashes a pod, rarely.
func (s *simulation) harmPod() {
	w := s.w
	n := w.rng.Intn(400)
	if n > 4 || len(w.pods) == 0 {
		return
	}
	p := w.pods[w.rng.Intn(len(w.pods))]
	if p.vanished || p.Deleting {
		return
	}
	switch n {
	case 0:
		w.logf("somebody deletes %s", p.Name)
		w.stopPod(p)
	case 1:
		w.logf("%s is lost", p.Name)
		w.losePod(p)
	case 2:
		w.logf("somebody deletes %s by force", p.Name)
		w.forcePod(p)
	default:
		if !p.proc {
			return
		}
		w.logf("%s crashes", p.Name)
		w.crash(p)
		p.Problem = ""
	}
	w.savePods()
}

// command is one that a person gives in the middle of whatever goes on, or takes back.
func (s *simulation) command() {
	w := s.w
	r := w.object.state.Rollout
	if r == nil {
		r = &v1alpha1.RolloutState{To: w.object.spec.Revision}
	}
	name, value := "", r.To
	switch w.rng.Intn(9) {
	case 6:
		name, value = v1alpha1.AnnotationRollback, fmt.Sprint("orders-", len(w.records))
	case 7:
		name, value = v1alpha1.AnnotationRollback, fmt.Sprint("orders-", len(w.records), rewinds)
	case 8:
		name = v1alpha1.AnnotationResetOffsets
		value = []string{ToEarliest, ToLatest, fmt.Sprint("orders-", len(w.records))}[w.rng.Intn(3)]
	case 0:
		name = v1alpha1.AnnotationAbort
	case 1:
		name, value = v1alpha1.AnnotationRetry, nextAttempt(r)
	case 2:
		name = v1alpha1.AnnotationPromoteFull
	case 3:
		name = v1alpha1.AnnotationPause
	default:
		name, value = v1alpha1.AnnotationRestart, w.now.Add(w.between(-time.Minute, time.Minute)).Format(time.RFC3339)
	}
	if w.commands[name] != "" {
		value = ""
	}
	w.annotate(name, value)
}

// annotate sets an annotation, or removes it. Each operator sees that at once: as late as
// the rest of the object would be the harder case for none of the commands.
func (w *world) annotate(name, value string) {
	all := maps.Clone(w.commands)
	if all[name] = value; value == "" {
		delete(all, name)
	}
	w.commands = all
	w.logf("the user sets %s=%s", name, value)
}
