package images

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/kohort-dev/kohort/test/testbed/cache"
)

// made is a folder in the user's cache that takes long to make.
type made struct {
	name string
	// from is everything that its content depends on.
	from []byte
	// fill makes it.
	fill func(ctx context.Context, folder string) error
}

// folder is where it lies, made if it was not there.
func (m made) folder(ctx context.Context, progress io.Writer) (string, error) {
	sum := sha256.Sum256(m.from)
	place, unlock, err := cache.Lock(ctx, m.name+"-"+hex.EncodeToString(sum[:])[:12], progress)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", m.name, err)
	}
	defer unlock()
	folder := filepath.Join(place, m.name)
	if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
		return folder, err
	}
	fmt.Fprintf(progress, "making %s, once (%s)\n", m.name, folder)
	next := folder + ".next"
	if err := errors.Join(os.RemoveAll(next), os.Mkdir(next, 0o755)); err != nil {
		return "", fmt.Errorf("make a folder for %s: %w", m.name, err)
	}
	if err := m.fill(ctx, next); err != nil {
		return "", fmt.Errorf("make %s: %w", m.name, err)
	}
	if err := os.Rename(next, folder); err != nil {
		return "", fmt.Errorf("put %s in its place: %w", m.name, err)
	}
	return folder, nil
}
