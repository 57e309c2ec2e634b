package pods

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/internal/membership"
)

// A change of the preset that would change the name of a member is refused by the
// rules of the CRD, which must know which those are.
func TestNaming(t *testing.T) {
	got := map[v1alpha1.Inject]membership.Naming{}
	for _, inject := range []v1alpha1.Inject{
		"", v1alpha1.InjectEnv, v1alpha1.InjectSpringBoot, v1alpha1.InjectQuarkus, v1alpha1.InjectKafkaStreams, v1alpha1.InjectCustom,
	} {
		got[inject] = Naming("orders", v1alpha1.Consumer{Inject: inject})
	}
	plain := membership.Naming{Prefix: "orders", PerPod: 1}
	numbered, fromOne := plain, plain
	numbered.Numbered = true
	fromOne.Numbered, fromOne.FirstNumber = true, 1
	want := map[v1alpha1.Inject]membership.Naming{
		"": plain, v1alpha1.InjectEnv: plain, v1alpha1.InjectQuarkus: plain, v1alpha1.InjectCustom: plain,
		v1alpha1.InjectSpringBoot: numbered, v1alpha1.InjectKafkaStreams: fromOne,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// Each preset says everything that there is to say.
func TestPresetsAreWhole(t *testing.T) {
	for inject, preset := range presets {
		said := map[v1alpha1.Property]bool{}
		for _, v := range preset.variables {
			said[v.Property] = true
		}
		for _, p := range inFile {
			// Kafka Streams uses the protocol Classic only.
			if !said[p] && (inject != v1alpha1.InjectKafkaStreams || p != v1alpha1.PropertyGroupProtocol) {
				t.Errorf("%s has no variable for %s", inject, p)
			}
		}
	}
}
