package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Configuration of a group of type consumer, which its members follow from their next
// heartbeat on (GroupConfig). The broker bounds both, by default to 45 to 60 s and 5 to
// 15 s.
const (
	ConfigSessionTimeout    = "consumer.session.timeout.ms"
	ConfigHeartbeatInterval = "consumer.heartbeat.interval.ms"
)

// Operations of IncrementalAlterConfigs (KIP-339).
const (
	configSet    = 0
	configDelete = 1
)

// SetGroupConfig gives a group of type consumer the two of its settings that Kohort
// knows; one that is not in config is removed, and the broker's own holds. Needs
// ALTER_CONFIGS on the group. It can be repeated.
func (c *Client) SetGroupConfig(ctx context.Context, group string, config map[string]string) error {
	doing := fmt.Sprintf("configuring group %s", group)
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeGroupConfig, group
	for _, name := range []string{ConfigSessionTimeout, ConfigHeartbeatInterval} {
		change := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		change.Name, change.Op = name, configDelete
		if value, set := config[name]; set {
			change.Op, change.Value = configSet, &value
		}
		resource.Configs = append(resource.Configs, change)
	}
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	req.Resources = append(req.Resources, resource)
	ctx, cancel := context.WithTimeout(ctx, stageTimeout)
	defer cancel()
	resp, err := req.RequestWith(ctx, c.kgo)
	if err != nil {
		return c.explain(doing, err)
	}
	for _, r := range resp.Resources {
		err := kerr.ErrorForCode(r.ErrorCode)
		switch {
		case err == nil:
			continue
		case r.ErrorMessage != nil && !isDenial(err):
			return fmt.Errorf("%s: %w: %s", doing, err, *r.ErrorMessage)
		}
		if err = c.explain(doing, err); errors.Is(err, ErrDenied) {
			return fmt.Errorf("%w: the operator's user needs ALTER_CONFIGS on the group", err)
		}
		return err
	}
	return nil
}
