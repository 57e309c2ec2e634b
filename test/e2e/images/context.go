package images

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// part is a file or a folder of a build context.
type part struct {
	// name is where it lies in the context.
	name string
	// source is where it lies on this machine.
	source string
}

// sum names the content of parts and of the image below them. Times do not count.
func sum(parts []part, base string) (string, error) {
	hash := sha256.New()
	fmt.Fprintln(hash, base)
	if err := pack(hash, parts, func(time.Time) time.Time { return time.Time{} }); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil))[:16], nil
}

// pack writes parts as an archive. All belongs to root; times pass through a
// function.
func pack(to io.Writer, parts []part, times func(time.Time) time.Time) error {
	archive := tar.NewWriter(to)
	for _, p := range parts {
		err := filepath.WalkDir(p.source, func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			below, err := filepath.Rel(p.source, path)
			if err != nil {
				return err
			}
			return packFile(archive, path, filepath.Join(p.name, below), times)
		})
		if err != nil {
			return fmt.Errorf("pack %s: %w", p.source, err)
		}
	}
	return archive.Close()
}

func packFile(archive *tar.Writer, path, name string, times func(time.Time) time.Time) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	link := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		if link, err = os.Readlink(path); err != nil {
			return err
		}
	}
	from, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return err
	}
	header := tar.Header{
		Typeflag: from.Typeflag, Name: name, Linkname: from.Linkname, Mode: from.Mode, Size: from.Size,
		ModTime: times(info.ModTime()),
	}
	if err := archive.WriteHeader(&header); err != nil || !info.Mode().IsRegular() {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(archive, file)
	return err
}
