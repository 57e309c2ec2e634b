package cache

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func TestLockKeepsOthersOut(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	folder, unlock, err := Lock(t.Context(), "thing-1", io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if _, other, err := Lock(t.Context(), "thing-2", io.Discard); err != nil {
		t.Error("another thing is locked too:", err)
	} else {
		other()
	}

	short, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
	defer cancel()
	var progress bytes.Buffer
	if _, _, err := Lock(short, "thing-1", &progress); !errors.Is(err, context.DeadlineExceeded) {
		t.Error("locked twice:", err)
	}
	if got := progress.String(); strings.Count(got, "waiting for it") != 1 || !strings.Contains(got, folder) {
		t.Errorf("progress: %q", got)
	}

	unlock()
	again, unlock, err := Lock(t.Context(), "thing-1", io.Discard)
	if err != nil || again != folder {
		t.Fatal(again, err)
	}
	unlock()
}
