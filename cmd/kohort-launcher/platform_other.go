//go:build !linux

package main

import "syscall"

// Containers run on Linux. Elsewhere, as on a developer's machine, a program can
// outlive a launcher that is killed, and its orphans go to process 1.
func diesWithParent() *syscall.SysProcAttr { return nil }

func adoptOrphans() error { return nil }
