// Package process runs programs that must not outlive the program that started
// them, however that one ends: by Stop, by a panic, by kill -9.
//
// A dead parent cannot clean up, so every program is started beside a watcher:
//
//	parent ──lifeline (a pipe)──► watcher, in the program's process group
//	                              program, leader of that group
//
// The parent alone holds the writing end of the lifeline and never writes. When
// it dies the kernel closes that end, the watcher reads the end of the pipe and
// kills the group, itself included. The watcher exists before the program's
// first instruction, so there is no moment in which the parent's death could go
// unnoticed. It is a few lines of /bin/sh: that starts in a millisecond, works on
// Linux and on macOS, and, unlike Linux's parent-death signal, reaches the
// program's own children and does not depend on a thread of the parent.
//
// The shell that makes the watcher becomes the program (exec), so PID, exit code
// and signal are the program's own. A program that moves itself into another
// process group or session escapes.
package process
