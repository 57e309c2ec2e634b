// Package cache keeps what takes long to make, so that it is made once for a
// user and found again by every later run.
package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Lock opens the folder with a name in the user's cache and keeps every other
// process out of it until unlock. The lock ends with its holder, whatever happens
// to that; so what is made in the folder must appear there as a whole, by a
// rename. The name has in it what the thing is made of: another content is another
// folder. progress is told if another process has the folder.
func Lock(ctx context.Context, name string, progress io.Writer) (folder string, unlock func(), err error) {
	root, err := os.UserCacheDir()
	if err != nil {
		return "", nil, fmt.Errorf("find the user's cache folder: %w", err)
	}
	folder = filepath.Join(root, "kohort", name)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", nil, fmt.Errorf("make a folder in the user's cache: %w", err)
	}
	path := filepath.Join(folder, "lock")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", nil, fmt.Errorf("lock a folder in the user's cache: %w", err)
	}
	if err := wait(ctx, file, progress); err != nil {
		return "", nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
	}
	// Closing gives the lock back; nothing was written.
	return folder, func() { _ = file.Close() }, nil
}

func wait(ctx context.Context, file *os.File, progress io.Writer) error {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for told := false; ; told = true {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return err
		}
		if !told {
			fmt.Fprintf(progress, "another process is making the same thing; waiting for it (%s)\n", file.Name())
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}
