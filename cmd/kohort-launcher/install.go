package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// install copies the running program to dest. It appears there whole or not at
// all, since a container may be restarted in the middle of a copy and another
// one must never run half a program.
func install(dest string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program to install it: %w", err)
	}
	source, err := os.Open(self)
	if err != nil {
		return fmt.Errorf("read this program to install it: %w", err)
	}
	partial, err := os.CreateTemp(filepath.Dir(dest), ".kohort-launcher-*")
	if err != nil {
		return errors.Join(fmt.Errorf("install to %s: %w", dest, err), source.Close())
	}
	_, err = io.Copy(partial, source)
	// Containers of the pod run as users of their own.
	err = errors.Join(err, partial.Chmod(0o755), partial.Close(), source.Close())
	if err == nil {
		err = os.Rename(partial.Name(), dest)
	}
	if err != nil {
		return fmt.Errorf("install to %s: %w", dest, errors.Join(err, os.Remove(partial.Name())))
	}
	return nil
}
