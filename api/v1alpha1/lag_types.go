package v1alpha1

import "time"

// Isolation is which records consumers read, as their isolation.level.
type Isolation string

const (
	// ReadUncommitted is all of them.
	ReadUncommitted Isolation = "ReadUncommitted"
	// ReadCommitted is none of a transaction that is open or was aborted.
	ReadCommitted Isolation = "ReadCommitted"
)

// OffsetReset is where consumers begin without a commit, as their auto.offset.reset.
type OffsetReset string

const (
	// OffsetResetEarliest is with the oldest record.
	OffsetResetEarliest OffsetReset = "Earliest"
	// OffsetResetLatest is with the next one that comes.
	OffsetResetLatest OffsetReset = "Latest"
)

// Lag says how the group's lag is read and judged. It changes nothing in the pods: isolation
// and offsetReset say how the program is configured.
//
// +kubebuilder:validation:XValidation:rule="(has(self.windowSeconds) ? self.windowSeconds : 300) >= 5 * (has(self.samples) ? self.samples : 10)",message="lag.windowSeconds must be at least 5 times lag.samples: the group is read every 5 seconds"
type Lag struct {
	// isolation is the consumers' isolation.level. With ReadCommitted the lag ends where
	// the first open transaction begins. Default: ReadUncommitted.
	// +optional
	// +kubebuilder:validation:Enum=ReadUncommitted;ReadCommitted
	Isolation Isolation `json:"isolation,omitempty"`
	// offsetReset is the consumers' auto.offset.reset. It says what lag means where nothing
	// was committed yet, or what is committed is not in the log any more: with Earliest all
	// records wait, with Latest none. Default: not known. Without a commit, and with one
	// beyond the end, the lag is unknown then; with one before the beginning all wait.
	// +optional
	// +kubebuilder:validation:Enum=Earliest;Latest
	OffsetReset OffsetReset `json:"offsetReset,omitempty"`
	// maxAgeSeconds bounds for how many seconds a record may wait. LagHealthy is False while
	// one waits for longer, by the records' own timestamps, or as it is estimated.
	// Default: no bound.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=2592000
	MaxAgeSeconds *int32 `json:"maxAgeSeconds,omitempty"`
	// minRunwaySeconds: RetentionSafe is False when, at the present rates, retention deletes
	// records that the group has yet to process in less than so many seconds.
	// Default: 3600.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=2592000
	MinRunwaySeconds *int32 `json:"minRunwaySeconds,omitempty"`
	// allowedLag is how many records on a partition count as none when the group is judged.
	// Default: 0.
	// +optional
	// +kubebuilder:validation:Minimum=0
	AllowedLag int64 `json:"allowedLag,omitempty"`
	// windowSeconds is over how many seconds commits are judged; nothing is said about a lag
	// that was not watched for so long. Default: 300.
	// +optional
	// +kubebuilder:validation:Minimum=10
	// +kubebuilder:validation:Maximum=86400
	WindowSeconds *int32 `json:"windowSeconds,omitempty"`
	// samples is how many commits to a partition are kept in the window. Default: 10.
	// +optional
	// +kubebuilder:validation:Minimum=2
	// +kubebuilder:validation:Maximum=100
	Samples *int32 `json:"samples,omitempty"`
}

// MaxAge is for how long a record may wait; 0: there is no bound.
func (l Lag) MaxAge() time.Duration { return seconds(valueOr(l.MaxAgeSeconds, 0)) }

// MinRunway is the runway below which something is said.
func (l Lag) MinRunway() time.Duration { return seconds(valueOr(l.MinRunwaySeconds, 3600)) }

// Window is over how long commits are judged; 0: as by default.
func (l Lag) Window() time.Duration { return seconds(valueOr(l.WindowSeconds, 0)) }

// Watch says which groups are read that no ConsumerGroup runs.
type Watch struct {
	// allow names the groups; a "*" at the end matches any ending. Default: all.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=255
	// +kubebuilder:validation:items:Pattern=`^[^*]*\*?$`
	// +listType=set
	Allow []string `json:"allow,omitempty"`
	// deny names groups that are left out although allow names them. Default: none.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=255
	// +kubebuilder:validation:items:Pattern=`^[^*]*\*?$`
	// +listType=set
	Deny []string `json:"deny,omitempty"`
}
