// Package activation is the fast path between the operator and the launchers in
// its pods: a warm pod asks and is answered at the moment of its activation, and a
// pod whose consumer has ended tells so at once.
//
// It is never the truth. A pod is answered after the object's status names it as
// the holder, and what the operator then writes into the pod's annotation says the
// same to whoever asks later. The word of an end counts only for a pod that is
// being deleted. With nobody listening here, everything happens as well, 0.3 to
// 1.5 s later: by the annotation, and by the kubelet's status.
//
// Requests carry the token of the pod's service account, bound to the pod and made
// out to Kohort; the API server says whose it is (TokenReview). So a pod can ask
// and tell of itself only. The certificate is of the operator's own authority,
// which every pod is given when it is made.
package activation
