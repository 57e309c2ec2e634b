package main

import "github.com/twmb/franz-go/pkg/kgo"

func (c config) assignor() kgo.GroupBalancer {
	if c.behaviour == behaveOwnAssignor {
		return ownAssignor{kgo.RoundRobinBalancer()}
	}
	return kgo.RangeBalancer()
}

// ownAssignor shares the partitions in another way than the assignor whose name it has.
type ownAssignor struct{ kgo.GroupBalancer }

func (ownAssignor) ProtocolName() string { return kgo.RangeBalancer().ProtocolName() }
