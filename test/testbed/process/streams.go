package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// streams are the program's ends of its output, and the copying from them.
type streams struct {
	stdout, stderr *os.File
	ours           []*os.File
	copying        sync.WaitGroup
}

// openStreams makes a file of every writer: itself, or a pipe that is copied.
// exec.Cmd would do that too, but waits for the pipes before it tells of the end
// of the process, and a child that was left behind holds them open.
func openStreams(spec Spec) (*streams, error) {
	s := &streams{}
	var err error
	if s.stdout, err = s.open(spec.Stdout); err != nil {
		return nil, err
	}
	if spec.Stderr == spec.Stdout {
		s.stderr = s.stdout
		return s, nil
	}
	if s.stderr, err = s.open(spec.Stderr); err != nil {
		return nil, errors.Join(err, s.closeOurs())
	}
	return s, nil
}

func (s *streams) open(writer io.Writer) (*os.File, error) {
	if writer == nil {
		null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		if err != nil {
			return nil, fmt.Errorf("open its output: %w", err)
		}
		s.ours = append(s.ours, null)
		return null, nil
	}
	if file, ok := writer.(*os.File); ok {
		return file, nil
	}
	from, to, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("open its output: %w", err)
	}
	s.ours = append(s.ours, to)
	s.copying.Go(func() {
		// A writer that fails loses output; the program must go on all the same.
		if _, err := io.Copy(writer, from); err != nil {
			_, _ = io.Copy(io.Discard, from)
		}
		_ = from.Close()
	})
	return to, nil
}

// closeOurs closes the ends that the program has inherited.
func (s *streams) closeOurs() error {
	var errs []error
	for _, file := range s.ours {
		errs = append(errs, file.Close())
	}
	return errors.Join(errs...)
}

// drain waits until everything that was written has been copied.
func (s *streams) drain() { s.copying.Wait() }
