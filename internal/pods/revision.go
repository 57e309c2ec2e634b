package pods

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/kohort-dev/kohort/api/v1alpha1"
)

// revisionLength is how many characters a revision has: 40 bits of a hash, of
// which one object only ever has a few.
const revisionLength = 10

// Revision names what a consumer is: the template, which of its containers
// consumes, where a pod waits and how the program is told who it is, unless those
// are the defaults. The order of keys and of inject Custom's variables and white space
// do not matter. Neither do the launcher's image, Kohort's version and timeouts: those
// reach a pod when it is next made, and a new operator must not restart every consumer.
func Revision(spec v1alpha1.ConsumerGroupSpec) string {
	hash := sha256.New()
	// A template that is no JSON is refused before any pod is made from it; its
	// revision only has to be another one.
	var template any
	canonical := spec.Template.Raw
	if err := utiljson.Unmarshal(spec.Template.Raw, &template); err == nil {
		if text, err := json.Marshal(template); err == nil {
			canonical = text
		}
	}
	hash.Write(canonical)
	// A newline is in no name, so that no two pairs are hashed alike.
	hash.Write([]byte("\n" + consumerOf(template, spec.Consumer.Container)))
	if a := spec.Membership.EffectiveActivation(); a != v1alpha1.ActivationSidecar {
		hash.Write([]byte("\n" + a))
	}
	if inject := spec.Consumer.Preset(); inject != v1alpha1.InjectEnv {
		hash.Write([]byte("\n" + inject))
	}
	for _, v := range byName(spec.Consumer.Variables) {
		hash.Write([]byte("\n" + v.Name + "=" + string(v.Property)))
	}
	// Nothing else that is hashed begins with a slash.
	if file := spec.Consumer.PropertiesFile; file != "" {
		hash.Write([]byte("\n" + file))
	}
	// SafeEncodeString leaves out vowels, so that no revision is a word.
	return rand.SafeEncodeString(hex.EncodeToString(hash.Sum(nil))[:revisionLength])
}

func byName(variables []v1alpha1.Variable) []v1alpha1.Variable {
	return slices.SortedFunc(slices.Values(variables), func(a, b v1alpha1.Variable) int { return strings.Compare(a.Name, b.Name) })
}

// consumerOf is Consumer for a template that was not parsed: naming the default
// changes nothing, so it must not be another revision.
func consumerOf(template any, consumer string) string {
	if consumer != "" {
		return consumer
	}
	object, _ := template.(map[string]any)
	spec, _ := object["spec"].(map[string]any)
	containers, _ := spec["containers"].([]any)
	if len(containers) == 0 {
		return ""
	}
	first, _ := containers[0].(map[string]any)
	name, _ := first["name"].(string)
	return name
}
