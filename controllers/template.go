package controllers

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/pods"
	"github.com/kohort-dev/kohort/internal/rollout"
)

// refusalFor is how long a refusal of the API server is taken for granted: the
// policy that refuses may change without the template.
const refusalFor = 30 * time.Second

// verdict is what was found out about the pods of a revision.
type verdict struct {
	refusal string // "": they can be made
	at      time.Time
}

// checkTemplate finds out whether pods can be made from the present template. If
// not, the stable revision goes on being repaired and scaled.
func (r *ConsumerGroupReconciler) checkTemplate(ctx context.Context, s seen) seen {
	v, known := s.recalls.verdicts[s.revision]
	if !known || v.refusal != "" && s.now.Sub(v.at) > refusalFor {
		refusal, err := r.tryTemplate(ctx, s)
		if err != nil {
			s.uncertain = err
			return s.withoutTemplate(nil)
		}
		v = verdict{refusal: refusal, at: s.now}
		s.recalls.verdicts[s.revision] = v
	}
	if v.refusal == "" {
		return s
	}
	return s.withoutTemplate(&stall{v1alpha1.ReasonInvalidTemplate, v.refusal, false})
}

// withoutTemplate goes on with what was begun or is stable, or not at all.
func (s seen) withoutTemplate(why *stall) seen {
	s.stall = why
	switch state := s.group.Status.State; {
	case state.Rollout != nil:
		s.revision = state.Rollout.To
	case state.Stable != "":
		s.revision = state.Stable
	case why == nil:
		s.stall = &stall{v1alpha1.ReasonInvalidTemplate, "the template could not be checked yet: " + s.uncertain.Error(), true}
	default:
		s.stall.held = true
	}
	return s
}

// tryTemplate returns why the pods of the present template are refused; "" if
// they are not. An error means that it could not be found out.
func (r *ConsumerGroupReconciler) tryTemplate(ctx context.Context, s seen) (refusal string, err error) {
	data := presentData(s.group)
	template, err := data.parse()
	if err != nil {
		return err.Error(), nil
	}
	if _, again := s.recalls.verdicts[s.revision]; !again {
		r.tellIgnored(s, template)
	}
	if alreadyRuns(s.group.Status.State, s.revision) {
		// It was checked when it was begun. What has begun is finished, also by an
		// operator that has started in the middle of it.
		return "", nil
	}
	pod, err := r.pod(s, data, rollout.Action{Revision: s.revision, Suffix: "check"})
	if err != nil {
		return err.Error(), nil
	}
	err = r.Client.Create(ctx, pod, client.DryRunAll)
	switch {
	case err == nil, apierrors.IsAlreadyExists(err), isQuota(err):
		return "", nil
	case apierrors.IsInvalid(err), apierrors.IsForbidden(err), apierrors.IsBadRequest(err):
		return "the API server refuses a pod of the template: " + err.Error(), nil
	default:
		return "", fmt.Errorf("trying a pod of ConsumerGroup %s/%s: %w", s.group.Namespace, s.group.Name, err)
	}
}

func alreadyRuns(state v1alpha1.GroupState, revision string) bool {
	return state.Stable == revision || state.Rollout != nil && state.Rollout.To == revision
}

// isQuota: there is no room at present, which says nothing about the template.
// (The quota admission plugin has no reason of its own.)
func isQuota(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), "exceeded quota")
}

// tellIgnored names what of the template does not reach the pods.
func (r *ConsumerGroupReconciler) tellIgnored(s seen, template *corev1.PodTemplateSpec) {
	if names := pods.Overridden(template, s.group.Spec.Consumer); len(names) > 0 {
		r.warn(s.group, "VariablesOverridden", "the template sets %s itself: its values are used and not those of the ConsumerGroup", strings.Join(names, ", "))
	}
	if names := pods.Unknown(s.group.Spec.Template); len(names) > 0 {
		r.warn(s.group, "TemplateFieldsIgnored", "this version of Kohort does not know %s: the pods are made without", strings.Join(names, ", "))
	}
}
