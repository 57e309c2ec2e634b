package main

import (
	"bytes"
	"strconv"
)

// annotationActivate activates the pod whose UID it names. The name is part of
// the operator's API (api/v1alpha1), which this program does not import: it would
// bring the API machinery along.
const annotationActivate = "kohort.dev/activate"

// annotation finds an annotation in a file of the downward API. The kubelet
// writes a line per annotation, key="value", with the value quoted as Go does, so
// a value cannot pretend to be a line.
func annotation(podinfo []byte, key string) (value string, found bool) {
	for line := range bytes.Lines(podinfo) {
		name, quoted, ok := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte("="))
		if !ok || string(name) != key {
			continue
		}
		value, err := strconv.Unquote(string(quoted))
		return value, err == nil
	}
	return "", false
}
