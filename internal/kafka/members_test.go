package kafka

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// leaves records the LeaveGroup requests that the broker gets.
func leaves(b *fakeBroker) func() []*kmsg.LeaveGroupRequest {
	var mu sync.Mutex
	var seen []*kmsg.LeaveGroupRequest
	b.ControlKey(kmsg.LeaveGroup.Int16(), func(r kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r.(*kmsg.LeaveGroupRequest))
		return nil, nil, false
	})
	return func() []*kmsg.LeaveGroupRequest {
		mu.Lock()
		defer mu.Unlock()
		return seen
	}
}

func TestRemoveMembers(t *testing.T) {
	b := newFakeBroker(t, kfake.NumBrokers(3), kfake.SeedTopics(6, "orders"))
	b.join(t, "billing", "orders", "billing-0000", "billing-0001", "billing-0002")
	c := NewCollector(b.client, Options{})
	c.Track("billing", Target{Topics: []string{"orders"}})
	before := read(t, c)["billing"]
	var members []MemberRef
	for _, m := range before.Members[1:] {
		members = append(members, MemberRef{InstanceID: m.InstanceID, MemberID: m.MemberID})
	}
	never := MemberRef{InstanceID: "billing-0009", MemberID: "billing-0009-never"}

	sent := leaves(b)
	got, err := b.client.RemoveMembers(t.Context(), "billing", append(members, never), "slot removed")
	if err != nil {
		t.Fatal(err)
	}
	want := []Removal{
		{Member: members[0], Outcome: Removed},
		{Member: members[1], Outcome: Removed},
		{Member: never, Outcome: Gone},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}

	type named struct{ Instance, Member, Reason string }
	var requests [][]named
	for _, r := range sent() {
		var request []named
		for _, m := range r.Members {
			request = append(request, named{*m.InstanceID, m.MemberID, *m.Reason})
		}
		requests = append(requests, request)
	}
	wantRequests := [][]named{{
		{"billing-0001", members[0].MemberID, "slot removed"},
		{"billing-0002", members[1].MemberID, "slot removed"},
		{"billing-0009", "billing-0009-never", "slot removed"},
	}}
	if diff := cmp.Diff(wantRequests, requests); diff != "" {
		t.Errorf("requests: -want +got\n%s", diff)
	}
}

func TestRemoveMembersThatTheBrokerRejects(t *testing.T) {
	b := newFakeBroker(t, kfake.NumBrokers(1), kfake.SeedTopics(2, "orders"))
	b.commit(t, "billing", "orders", 0, 0)
	taken := MemberRef{InstanceID: "billing-0000", MemberID: "old"}
	b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.LeaveGroup}, Resource: "old", Err: kerr.FencedInstanceID})
	got, err := b.client.RemoveMembers(t.Context(), "billing", []MemberRef{taken, {MemberID: "dynamic"}}, "lost")
	want := []Removal{{Member: taken, Outcome: Taken}, {Member: MemberRef{MemberID: "dynamic"}, Outcome: Gone}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, -want +got\n%s", err, diff)
	}

	got, err = b.client.RemoveMembers(t.Context(), "no-such-group", []MemberRef{taken}, "lost")
	if diff := cmp.Diff([]Removal{{Member: taken, Outcome: Gone}}, got); err != nil || diff != "" {
		t.Errorf("unknown group: %v, -want +got\n%s", err, diff)
	}

	b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.LeaveGroup}, Group: "billing", Resource: "old", Err: kerr.InvalidRequest})
	_, err = b.client.RemoveMembers(t.Context(), "billing", []MemberRef{taken}, "lost")
	if !errors.Is(err, kerr.InvalidRequest) || !strings.Contains(err.Error(), "member old of instance billing-0000") {
		t.Errorf("%v, want INVALID_REQUEST for the member", err)
	}

	b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.LeaveGroup}, TopLevel: true, Err: kerr.GroupAuthorizationFailed})
	_, err = b.client.RemoveMembers(t.Context(), "billing", []MemberRef{taken}, "lost")
	if !errors.Is(err, ErrDenied) || !strings.Contains(err.Error(), "removing 1 members of group billing") ||
		!strings.Contains(err.Error(), "needs READ on the group") {
		t.Errorf("%v, want that READ on the group is missing", err)
	}
}

func TestRemoveMembersNeedsMemberIDs(t *testing.T) {
	b := newFakeBroker(t, kfake.NumBrokers(1))
	sent := leaves(b)
	_, err := b.client.RemoveMembers(t.Context(), "billing", []MemberRef{{InstanceID: "billing-0000"}}, "lost")
	if err == nil || !strings.Contains(err.Error(), `"billing-0000"`) {
		t.Errorf("%v, want an error that names the instance", err)
	}
	if removals, err := b.client.RemoveMembers(t.Context(), "billing", nil, "lost"); err != nil || removals != nil {
		t.Errorf("nobody to remove: %v, %v", removals, err)
	}
	if n := len(sent()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}
