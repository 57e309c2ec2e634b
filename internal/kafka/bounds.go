package kafka

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Configuration of brokers that bounds the session timeouts of classic members; by default
// 6 s and 1,800 s. A client whose own is outside is refused (INVALID_SESSION_TIMEOUT).
const (
	configMinSession = "group.min.session.timeout.ms"
	configMaxSession = "group.max.session.timeout.ms"
)

// SessionBounds are the session timeouts that a classic member may have. Zero: not known.
type SessionBounds struct{ Min, Max time.Duration }

// SessionBounds asks all brokers for their bounds, any of which may be a group's
// coordinator, and returns what each of them allows. Needs DESCRIBE_CONFIGS on the
// cluster.
func (c *Client) SessionBounds(ctx context.Context) (SessionBounds, error) {
	const doing = "asking the brokers for the bounds of session timeouts"
	there, err := c.metadata(ctx, nil)
	if err != nil {
		return SessionBounds{}, err
	}
	req := kmsg.NewPtrDescribeConfigsRequest()
	for _, broker := range there.Brokers {
		resource := kmsg.NewDescribeConfigsRequestResource()
		resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeBroker, strconv.Itoa(int(broker.NodeID))
		resource.ConfigNames = []string{configMinSession, configMaxSession}
		req.Resources = append(req.Resources, resource)
	}
	ctx, cancel := context.WithTimeout(ctx, stageTimeout)
	defer cancel()
	resp, err := req.RequestWith(ctx, c.kgo)
	if err != nil {
		return SessionBounds{}, c.explain(doing, err)
	}
	var all SessionBounds
	for _, r := range resp.Resources {
		if err := kerr.ErrorForCode(r.ErrorCode); err != nil {
			return SessionBounds{}, c.explain(fmt.Sprintf("%s (broker %s)", doing, r.ResourceName), err)
		}
		all = all.and(boundsOf(r.Configs))
	}
	return all, nil
}

func boundsOf(configs []kmsg.DescribeConfigsResponseResourceConfig) (b SessionBounds) {
	for _, config := range configs {
		if config.Value == nil {
			continue
		}
		ms, err := strconv.ParseInt(*config.Value, 10, 32)
		if err != nil {
			continue
		}
		switch config.Name {
		case configMinSession:
			b.Min = time.Duration(ms) * time.Millisecond
		case configMaxSession:
			b.Max = time.Duration(ms) * time.Millisecond
		}
	}
	return b
}

// and is what both allow.
func (b SessionBounds) and(other SessionBounds) SessionBounds {
	both := SessionBounds{max(b.Min, other.Min), min(b.Max, other.Max)}
	if b.Max == 0 || other.Max == 0 {
		both.Max = max(b.Max, other.Max)
	}
	return both
}
