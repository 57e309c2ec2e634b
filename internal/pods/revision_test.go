package pods

import (
	"regexp"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

const revisionTemplate = `{"metadata":{"labels":{"a":"1","b":"2"}},"spec":{"containers":[` +
	`{"name":"app","image":"shop/orders:1","env":[{"name":"A"},{"name":"B"}]},{"name":"proxy"}]}}`

func spec(change func(*v1alpha1.ConsumerGroupSpec)) v1alpha1.ConsumerGroupSpec {
	s := v1alpha1.ConsumerGroupSpec{Template: template(revisionTemplate)}
	change(&s)
	return s
}

func template(text string) runtime.RawExtension { return runtime.RawExtension{Raw: []byte(text)} }

func TestRevisionStaysTheSame(t *testing.T) {
	want := Revision(spec(func(*v1alpha1.ConsumerGroupSpec) {}))
	if !regexp.MustCompile(`^[bcdfghjklmnpqrstvwxz2456789]{10}$`).MatchString(want) {
		t.Errorf("revision %q is not 10 safe characters", want)
	}
	// Another one would restart every consumer that runs.
	if want != "49944f9679" {
		t.Errorf("the revision of an unchanged template became %s", want)
	}
	for name, change := range map[string]func(*v1alpha1.ConsumerGroupSpec){
		"order of keys": func(s *v1alpha1.ConsumerGroupSpec) {
			s.Template = template(`{"spec":{"containers":[{"image":"shop/orders:1","env":[{"name":"A"},{"name":"B"}],` +
				`"name":"app"},{"name":"proxy"}]},"metadata":{"labels":{"b":"2","a":"1"}}}`)
		},
		"white space": func(s *v1alpha1.ConsumerGroupSpec) {
			s.Template = template("\n" + revisionTemplate[:1] + " \t" + revisionTemplate[1:] + "\n")
		},
		"the default container named":  func(s *v1alpha1.ConsumerGroupSpec) { s.Consumer.Container = "app" },
		"the default preset named":     func(s *v1alpha1.ConsumerGroupSpec) { s.Consumer.Inject = v1alpha1.InjectEnv },
		"replicas":                     func(s *v1alpha1.ConsumerGroupSpec) { s.Replicas = ptr.To(int32(9)) },
		"paused":                       func(s *v1alpha1.ConsumerGroupSpec) { s.Paused = true },
		"session timeout":              func(s *v1alpha1.ConsumerGroupSpec) { s.Membership.SessionTimeout.MinSeconds = ptr.To(int32(60)) },
		"heartbeat":                    func(s *v1alpha1.ConsumerGroupSpec) { s.Membership.HeartbeatSeconds = ptr.To(int32(5)) },
		"rollout":                      func(s *v1alpha1.ConsumerGroupSpec) { s.Rollout.MaxUnavailable = ptr.To(int32(2)) },
		"the default activation named": func(s *v1alpha1.ConsumerGroupSpec) { s.Membership.Activation = v1alpha1.ActivationSidecar },
		"topics":                       func(s *v1alpha1.ConsumerGroupSpec) { s.Topics = []string{"other"} },
	} {
		if got := Revision(spec(change)); got != want {
			t.Errorf("%s: the revision became %s, was %s", name, got, want)
		}
	}
}

func TestRevisionChanges(t *testing.T) {
	seen := map[string]string{Revision(spec(func(*v1alpha1.ConsumerGroupSpec) {})): "unchanged"}
	for name, change := range map[string]func(*v1alpha1.ConsumerGroupSpec){
		"image": func(s *v1alpha1.ConsumerGroupSpec) {
			s.Template = template(`{"spec":{"containers":[{"name":"app","image":"shop/orders:2"}]}}`)
		},
		"label": func(s *v1alpha1.ConsumerGroupSpec) {
			s.Template = template(`{"metadata":{"labels":{"a":"2"}},"spec":{"containers":[{"name":"app","image":"shop/orders:2"}]}}`)
		},
		"order of a list": func(s *v1alpha1.ConsumerGroupSpec) {
			s.Template = template(`{"spec":{"containers":[{"name":"proxy"},{"name":"app"}]}}`)
		},
		"the other order": func(s *v1alpha1.ConsumerGroupSpec) {
			s.Template = template(`{"spec":{"containers":[{"name":"app"},{"name":"proxy"}]}}`)
		},
		"a field nobody knows": func(s *v1alpha1.ConsumerGroupSpec) {
			s.Template = template(`{"spec":{"containers":[{"name":"app"},{"name":"proxy"}],"newer":true}}`)
		},
		"a great number": func(s *v1alpha1.ConsumerGroupSpec) { s.Template = template(`{"n":9007199254740993}`) },
		"its neighbour":  func(s *v1alpha1.ConsumerGroupSpec) { s.Template = template(`{"n":9007199254740992}`) },
		"activation":     func(s *v1alpha1.ConsumerGroupSpec) { s.Membership.Activation = v1alpha1.ActivationProcess },
		"container":      func(s *v1alpha1.ConsumerGroupSpec) { s.Consumer.Container = "proxy" },
		"preset":         func(s *v1alpha1.ConsumerGroupSpec) { s.Consumer.Inject = v1alpha1.InjectSpringBoot },
		"no JSON":        func(s *v1alpha1.ConsumerGroupSpec) { s.Template = template(`{"spec":`) },
		"nothing":        func(s *v1alpha1.ConsumerGroupSpec) { s.Template = runtime.RawExtension{} },
		"Custom":         func(s *v1alpha1.ConsumerGroupSpec) { s.Consumer = consumers["custom"] },
		"one variable less": func(s *v1alpha1.ConsumerGroupSpec) {
			s.Consumer = consumers["custom"]
			s.Consumer.Variables = s.Consumer.Variables[:3]
		},
		"a properties file":       func(s *v1alpha1.ConsumerGroupSpec) { s.Consumer.PropertiesFile = "/a/b" },
		"another properties file": func(s *v1alpha1.ConsumerGroupSpec) { s.Consumer.PropertiesFile = "/a/c" },
	} {
		got := Revision(spec(change))
		if before, ok := seen[got]; ok {
			t.Errorf("%s: the same revision %s as for %s", name, got, before)
		}
		seen[got] = name
	}
}

// A list that is a map has no order.
func TestRevisionDoesNotGoByTheOrderOfVariables(t *testing.T) {
	variables := consumers["custom"].Variables
	swapped := slices.Clone(variables)
	slices.Reverse(swapped)
	of := func(list []v1alpha1.Variable) string {
		return Revision(spec(func(s *v1alpha1.ConsumerGroupSpec) {
			s.Consumer.Inject, s.Consumer.Variables = v1alpha1.InjectCustom, list
		}))
	}
	if of(variables) != of(swapped) {
		t.Error("another order is another revision")
	}
}
