package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// MemberRef names one member of a group as it was observed.
type MemberRef struct {
	InstanceID string // empty for a dynamic member
	MemberID   string
}

// Outcome is what became of a member that was to be removed.
type Outcome string

// The outcomes. After each of them the named member is not in the group.
const (
	// Removed: the broker has removed it now.
	Removed Outcome = "Removed"
	// Gone: it was not in the group any more.
	Gone Outcome = "Gone"
	// Taken: its instance id belongs to another member by now, which stays.
	Taken Outcome = "Taken"
)

// Removal is what became of one member.
type Removal struct {
	Member  MemberRef
	Outcome Outcome
}

// RemoveMembers takes members out of a group with a single request, so that it
// costs one rebalance. Each is named by its instance id and the member id that
// was observed with it: whoever has taken the id since is not hit. (The broker
// checks the pair since KIP-345; a member id left out would mean anybody.)
//
// The removals are in the order of the members. With an error, some of them may
// have been removed and none is known to be: repeating does no harm.
func (c *Client) RemoveMembers(ctx context.Context, group string, members []MemberRef, reason string) ([]Removal, error) {
	doing := fmt.Sprintf("removing %d members of group %s", len(members), group)
	if len(members) == 0 {
		return nil, nil
	}
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group = group
	for _, m := range members {
		if m.MemberID == "" {
			return nil, fmt.Errorf("%s: the member id of instance %q is not known", doing, m.InstanceID)
		}
		rm := kmsg.NewLeaveGroupRequestMember()
		rm.MemberID = m.MemberID
		if m.InstanceID != "" {
			rm.InstanceID = kmsg.StringPtr(m.InstanceID)
		}
		rm.Reason = kmsg.StringPtr(reason)
		req.Members = append(req.Members, rm)
	}
	ctx, cancel := context.WithTimeout(ctx, stageTimeout)
	defer cancel()
	resp, err := req.RequestWith(ctx, c.kgo)
	if err != nil {
		return nil, c.explain(doing, err)
	}
	switch resp.ErrorCode {
	case 0:
		return readRemovals(doing, members, resp.Members)
	case kerr.UnknownMemberID.Code, kerr.GroupIDNotFound.Code:
		return allGone(members), nil // the group itself is gone
	}
	err = c.explain(doing, kerr.ErrorForCode(resp.ErrorCode))
	if errors.Is(err, ErrDenied) {
		return nil, fmt.Errorf("%w: the operator's user needs READ on the group", err)
	}
	return nil, err
}

func readRemovals(doing string, members []MemberRef, answers []kmsg.LeaveGroupResponseMember) ([]Removal, error) {
	// By instance id where there is one: the answer may name another member id,
	// that of who has it now.
	codes := make(map[MemberRef]int16, len(answers))
	for _, a := range answers {
		ref := MemberRef{MemberID: a.MemberID}
		if a.InstanceID != nil {
			ref = MemberRef{InstanceID: *a.InstanceID}
		}
		codes[ref] = a.ErrorCode
	}
	var errs []error
	removals := make([]Removal, 0, len(members))
	for _, m := range members {
		ref := m
		if m.InstanceID != "" {
			ref.MemberID = ""
		}
		code, answered := codes[ref]
		if !answered {
			errs = append(errs, fmt.Errorf("%s: the broker did not answer for %s", doing, m))
			continue
		}
		switch code {
		case 0:
			removals = append(removals, Removal{Member: m, Outcome: Removed})
		case kerr.UnknownMemberID.Code:
			removals = append(removals, Removal{Member: m, Outcome: Gone})
		case kerr.FencedInstanceID.Code:
			removals = append(removals, Removal{Member: m, Outcome: Taken})
		default:
			errs = append(errs, fmt.Errorf("%s: %s: %w", doing, m, kerr.ErrorForCode(code)))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return removals, nil
}

func allGone(members []MemberRef) []Removal {
	removals := make([]Removal, 0, len(members))
	for _, m := range members {
		removals = append(removals, Removal{Member: m, Outcome: Gone})
	}
	return removals
}

// String names the member as the broker's log does.
func (m MemberRef) String() string {
	if m.InstanceID == "" {
		return "member " + m.MemberID
	}
	return fmt.Sprintf("member %s of instance %s", m.MemberID, m.InstanceID)
}
