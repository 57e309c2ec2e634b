// Package v1alpha1 holds the two kinds that people write for Kohort,
// KafkaCluster, a connection, and ConsumerGroup, a group that Kohort runs, and the one that it
// writes: RolloutRecord, what became of a release.
//
// Defaults live in the methods of this package and not in the schema: what a
// person applied is what they read back, so GitOps tools see no difference.
//
// +kubebuilder:object:generate=true
// +groupName=kohort.dev
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the API group and version of every kind here.
var GroupVersion = schema.GroupVersion{Group: "kohort.dev", Version: "v1alpha1"}

// AddToScheme makes the kinds of this package known to a scheme.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion,
		&KafkaCluster{}, &KafkaClusterList{},
		&ConsumerGroup{}, &ConsumerGroupList{},
		&RolloutRecord{}, &RolloutRecordList{},
	)
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
