package images

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestUnknownImage(t *testing.T) {
	err := Build(t.Context(), io.Discard, "consumer-rust")
	if err == nil || !strings.Contains(err.Error(), `no image "consumer-rust": there are consumer-go, `) {
		t.Errorf("it said %v", err)
	}
}

func TestUnknownJavaSample(t *testing.T) {
	_, err := JavaApplication(t.Context(), "consumer-go", io.Discard)
	const want = `no Java sample "consumer-go": there are consumer-quarkus, consumer-spring, consumer-streams`
	if err == nil || err.Error() != want {
		t.Errorf("it said %v, want %s", err, want)
	}
}

func TestSumOfParts(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	of := func(base string) string {
		s, err := sum([]part{{name: "folder", source: folder}}, base)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	write("a")
	first := of("")
	if err := os.Chtimes(file, time.Unix(1, 0), time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if got := of(""); got != first {
		t.Errorf("another time made another sum")
	}
	if of("base") == first {
		t.Errorf("another base made no other sum")
	}
	write("b")
	if of("") == first {
		t.Errorf("another content made no other sum")
	}
	if _, err := sum([]part{{name: "file", source: filepath.Join(folder, "none")}}, ""); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a part that is not there: %v", err)
	}
}

func TestSystemLibraries(t *testing.T) {
	const ldd = `	linux-vdso.so.1 (0x00007ffc1b5f2000)
	libjli.so => /made/lib/libjli.so (0x00007f5a3d1e5000)
	libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f5a3d004000)
	/lib64/ld-linux-x86-64.so.2 (0x00007f5a3d1fe000)
`
	want := []string{"/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"}
	if diff := cmp.Diff(want, systemLibraries(ldd, "/made")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
