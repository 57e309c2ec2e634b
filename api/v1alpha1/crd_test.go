package v1alpha1_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

const crdFolder = "../../config/crd"

// maxCRD keeps kubectl apply working: its annotation holds the whole object and
// may have 256 KiB.
const maxCRD = 100 << 10

// kind is a CustomResourceDefinition as the API server uses it.
type kind struct {
	structural *schema.Structural
	schema     validation.SchemaValidator
	cel        *cel.Validator
}

// load reads a generated definition.
func load(t *testing.T, plural string) kind {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(crdFolder, "kohort.dev_"+plural+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict(text, crd); err != nil {
		t.Fatal(err)
	}
	apiextensionsv1.SetDefaults_CustomResourceDefinition(crd)
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&crd.Spec)
	internal := &apiextensions.CustomResourceDefinition{}
	if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(crd, internal, nil); err != nil {
		t.Fatal(err)
	}
	props := internal.Spec.Validation
	if props == nil {
		props = internal.Spec.Versions[0].Schema
	}
	structural, err := schema.NewStructural(props.OpenAPIV3Schema)
	if err != nil {
		t.Fatal(err)
	}
	validator, _, err := validation.NewSchemaValidator(props.OpenAPIV3Schema)
	if err != nil {
		t.Fatal(err)
	}
	return kind{
		structural: structural,
		schema:     validator,
		cel:        cel.NewValidator(structural, true, celconfig.PerCallLimit),
	}
}

// store does to a new object what the API server does before it is stored.
func (k kind) store(object map[string]any) {
	pruning.Prune(object, k.structural, true)
	defaulting.Default(object, k.structural)
}

// errors are what the API server says to an object; old is nil for a new one.
func (k kind) errors(object, old map[string]any) []string {
	var errs field.ErrorList
	if old == nil {
		errs = validation.ValidateCustomResource(nil, object, k.schema)
	} else {
		errs = validation.ValidateCustomResourceUpdate(nil, object, old, k.schema)
	}
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, k.structural, object)...)
	if len(errs) == 0 { // as there: rules are not tried on what the schema refuses
		var before any
		if old != nil {
			before = old
		}
		errs, _ = k.cel.Validate(context.Background(), nil, k.structural, object, before, celconfig.RuntimeCELCostBudget)
	}
	var texts []string
	for _, err := range errs {
		texts = append(texts, err.Error())
	}
	slices.Sort(texts)
	return texts
}

// rules lists what the schema of a spec demands, as "spec.topics minItems".
func rules(path string, s *schema.Structural) []string {
	var found []string
	add := func(present bool, rule string) {
		if present {
			found = append(found, path+" "+rule)
		}
	}
	if v := s.ValueValidation; v != nil {
		add(v.Minimum != nil, "minimum")
		add(v.Maximum != nil, "maximum")
		add(v.MinLength != nil, "minLength")
		add(v.MaxLength != nil, "maxLength")
		add(v.MinItems != nil, "minItems")
		add(v.MaxItems != nil, "maxItems")
		add(v.Pattern != "", "pattern")
		add(len(v.Enum) > 0, "enum")
		for _, name := range v.Required {
			add(true, "required "+name)
		}
	}
	add(s.XListType != nil && *s.XListType == "set", "set")
	add(s.XListType != nil && *s.XListType == "map", "map")
	for _, rule := range s.XValidations {
		add(true, "rule: "+rule.Message)
	}
	for name, child := range s.Properties {
		found = append(found, rules(strings.TrimPrefix(path+"."+name, "."), &child)...)
	}
	if s.Items != nil {
		found = append(found, rules(path+"[]", s.Items)...)
	}
	slices.Sort(found)
	return found
}

// object is base with changes laid over it; null removes a field.
func object(t *testing.T, base string, changes ...string) map[string]any {
	t.Helper()
	var result map[string]any
	if err := yaml.Unmarshal([]byte(base), &result); err != nil {
		t.Fatal(err)
	}
	for _, change := range changes {
		var over map[string]any
		if err := yaml.Unmarshal([]byte(change), &over); err != nil {
			t.Fatalf("%s: %v", change, err)
		}
		merge(result, over)
	}
	return integers(result).(map[string]any)
}

func merge(into, over map[string]any) {
	for key, value := range over {
		child, isObject := value.(map[string]any)
		existing, exists := into[key].(map[string]any)
		switch {
		case value == nil:
			delete(into, key)
		case isObject && exists:
			merge(existing, child)
		default:
			into[key] = value
		}
	}
}

// integers makes numbers what the API server decodes them to.
func integers(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key := range v {
			v[key] = integers(v[key])
		}
	case []any:
		for i := range v {
			v[i] = integers(v[i])
		}
	case float64:
		if v == float64(int64(v)) {
			return int64(v)
		}
	}
	return value
}

func TestDefinitionsAreSmall(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(crdFolder, "*.yaml"))
	if err != nil || len(files) != 3 {
		t.Fatalf("got %d definitions (%v), want 3", len(files), err)
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > maxCRD {
			t.Errorf("%s has %d bytes, at most %d are wanted", file, info.Size(), maxCRD)
		}
	}
}

// TestNoDefaults: a default in the schema would show as a difference to what a
// person applied.
func TestNoDefaults(t *testing.T) {
	for _, plural := range []string{"consumergroups", "kafkaclusters", "rolloutrecords"} {
		if paths := defaults("", load(t, plural).structural); len(paths) > 0 {
			t.Errorf("%s has defaults in its schema: %v", plural, paths)
		}
	}
}

func defaults(path string, s *schema.Structural) []string {
	var found []string
	if s.Default.Object != nil {
		found = append(found, fmt.Sprintf("%s = %v", path, s.Default.Object))
	}
	for name, child := range s.Properties {
		found = append(found, defaults(path+"."+name, &child)...)
	}
	if s.Items != nil {
		found = append(found, defaults(path+"[]", s.Items)...)
	}
	return found
}
