package main

import "testing"

func TestAnnotation(t *testing.T) {
	const key = annotationActivate
	for name, c := range map[string]struct {
		podinfo string
		want    string
		found   bool
	}{
		"empty file":           {"", "", false},
		"alone":                {key + `="uid-1"`, "uid-1", true},
		"among others":         {"a=\"1\"\n" + key + "=\"uid-1\"\nz=\"2\"\n", "uid-1", true},
		"empty value":          {key + `=""`, "", true},
		"quoted characters":    {key + `="a=b \"c\" \\ \n é"`, "a=b \"c\" \\ \n é", true},
		"another key's suffix": {"x" + key + `="uid-1"`, "", false},
		"another key's prefix": {key + `d="uid-1"`, "", false},
		"inside a value":       {`note="\n` + key + `=\"uid-1\""`, "", false},
		"not quoted":           {key + `=uid-1`, "", false},
		"half written":         {key + `="uid-1`, "", false},
		"no equals sign":       {key, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			got, found := annotation([]byte(c.podinfo), key)
			if got != c.want || found != c.found {
				t.Errorf("annotation(%q) = %q, %v; want %q, %v", c.podinfo, got, found, c.want, c.found)
			}
		})
	}
}
