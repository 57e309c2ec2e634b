package rollout

import (
	"time"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/lag"
	"github.com/kohort-dev/kohort/internal/membership"
)

// keepRestarts is how many measured restarts are kept.
const keepRestarts = 20

// tune measures the restarts that are over, which it returns, and derives the session
// timeout that pods are given from now on. It never causes a restart.
func tune(v seen, state *v1alpha1.GroupState) (measured []v1alpha1.RestartState) {
	measured = measure(v, state, v.inSize(*state))
	for i := range measured {
		// Many start at once there, and where nobody was before: what a successor takes by
		// itself is less.
		if measured[i].Kind == v1alpha1.RestartStart {
			measured[i].JoinSeconds = 0
		}
	}
	for _, m := range measured {
		notePause(state.Rollout, m.Kind, m.Seconds)
	}
	other := otherLanes(*state)
	measured = append(measured, measure(v, &other, v.besides())...)
	state.Beside = other.Slots
	state.Restarts = append(state.Restarts, measured...)
	state.Restarts = state.Restarts[max(0, len(state.Restarts)-keepRestarts):]
	timeout, _ := SessionOf(v.Group, *state)
	state.SessionSeconds = int32(timeout / time.Second)
	return measured
}

// measure is how long the restarts of some slots took that are over.
func measure(v seen, state *v1alpha1.GroupState, slots []slot) (measured []v1alpha1.RestartState) {
	for _, s := range slots {
		if s.state.Awaited == nil && s.state.GivenUp == 0 || v.reading == nil || !s.holder.consuming() || !v.joined(s, v.reading) {
			continue
		}
		kept := slotState(state, s.ordinal)
		if kept.GivenUp = 0; kept.Awaited == nil {
			continue
		}
		if joined, known := v.joinedAt(s); known {
			took := v1alpha1.RestartState{Kind: kept.Awaited.Kind, Seconds: inSeconds(joined.Sub(kept.Awaited.Since.Time))}
			if took.Kind != v1alpha1.RestartCrash {
				took.JoinSeconds = inSeconds(joined.Sub(s.state.Since.Time))
			}
			measured = append(measured, took)
		}
		kept.Awaited = nil
	}
	return measured
}

// joinedAt is when a restart was over: at the first reading that shows the new member. It
// is not known if nothing was read for long before that, nor if nobody knows who was the
// member before.
func (v seen) joinedAt(s slot) (time.Time, bool) {
	if s.state.MemberBefore == v1alpha1.UnknownMember {
		return time.Time{}, false
	}
	joined := v.Window.Tail(func(r *lag.Reading) bool { return r.Err == "" && v.joined(s, r) })
	earlier := len(v.Window) - len(joined) - 1
	if len(joined) == 0 || earlier < 0 || joined[0].At.Sub(v.Window[earlier].At) > lag.FreshFor {
		return time.Time{}, false
	}
	return joined[0].At, true
}

// inSeconds are whole ones, rounded up.
func inSeconds(d time.Duration) int32 { return int32(max(1, (d+time.Second-1)/time.Second)) }

// SessionOf is the session timeout that follows from a state, and why.
func SessionOf(g Group, state v1alpha1.GroupState) (time.Duration, string) {
	return sessionOf(g, state).Timeout()
}

func sessionOf(g Group, state v1alpha1.GroupState) membership.Session {
	var restarts []time.Duration
	for _, r := range state.Restarts {
		restarts = append(restarts, time.Duration(r.Seconds)*time.Second)
	}
	return membership.Session{
		Restarts: restarts, Min: g.SessionMin, Max: g.SessionMax, BrokerMin: g.BrokerMin, BrokerMax: g.BrokerMax, Heartbeat: g.Heartbeat,
		Present: time.Duration(state.SessionSeconds) * time.Second,
	}
}
