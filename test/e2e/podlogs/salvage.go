package podlogs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kohort-dev/kohort/test/e2e/cluster"
)

// Salvage adds what the containers of the namespace had said on a node of a kind
// cluster that was killed: the last lines have not left it.
func (k *Keeper) Salvage(ctx context.Context, node string) error {
	dir, err := os.MkdirTemp("", "kohort-node-")
	if err != nil {
		return fmt.Errorf("make a folder for a node's logs: %w", err)
	}
	defer os.RemoveAll(dir)
	if _, err := cluster.Run(ctx, "", "docker", "cp", node+":/var/log/pods/.", dir); err != nil {
		return err
	}
	// NAMESPACE_POD_UID/CONTAINER/RESTART.log
	files, err := filepath.Glob(filepath.Join(dir, k.Namespace+"_*", "*", "*.log"))
	if err != nil {
		return fmt.Errorf("find the logs of a node: %w", err)
	}
	for _, path := range files {
		container := filepath.Dir(path)
		names := strings.Split(filepath.Base(filepath.Dir(container)), "_")
		if err := k.add(names[1], filepath.Base(container), path); err != nil {
			return fmt.Errorf("keep the log of pod %s: %w", names[1], err)
		}
	}
	return nil
}

// add adds the lines of a file of the container runtime that are not kept yet.
func (k *Keeper) add(pod, container, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	kept, err := os.ReadFile(k.Path(pod, container))
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	known := map[string]bool{}
	for line := range strings.Lines(string(kept)) {
		known[line] = true
	}
	var missing strings.Builder
	for line := range strings.Lines(string(text)) {
		// TIME STREAM TAG TEXT; the tag is P where the line goes on in the next.
		if parts := strings.SplitN(line, " ", 4); len(parts) == 4 && parts[2] == "F" && !known[parts[3]] {
			missing.WriteString(parts[3])
		}
	}
	file, err := os.OpenFile(k.Path(pod, container), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = file.WriteString(missing.String())
	return errors.Join(err, file.Close())
}
