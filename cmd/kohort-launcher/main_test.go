package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCommandLine(t *testing.T) {
	gateEnv := func(changed, value string) map[string]string {
		env := map[string]string{"KOHORT_POD_UID": "u", "KOHORT_PODINFO": "/f", "KOHORT_GATE_PORT": "8089"}
		env[changed] = value
		return env
	}
	for name, c := range map[string]struct {
		args []string
		env  map[string]string
		code int
		says string
	}{
		"check":               {args: []string{"check"}, code: exitOK},
		"nothing":             {args: nil, code: exitUsage, says: "usage:"},
		"unknown":             {args: []string{"launch"}, code: exitUsage, says: "launch"},
		"check with more":     {args: []string{"check", "it"}, code: exitUsage, says: "usage:"},
		"install to nowhere":  {args: []string{"install"}, code: exitUsage, says: "install DEST"},
		"install without dir": {args: []string{"install", "/no/such/folder/launcher"}, code: exitFailed, says: "/no/such/folder"},
		"wait without uid":    {args: []string{"wait"}, env: gateEnv("KOHORT_POD_UID", ""), code: exitUsage, says: "KOHORT_POD_UID"},
		"wait without file":   {args: []string{"wait"}, env: gateEnv("KOHORT_PODINFO", ""), code: exitUsage, says: "KOHORT_PODINFO"},
		"wait without port":   {args: []string{"wait"}, env: gateEnv("KOHORT_GATE_PORT", ""), code: exitUsage, says: "KOHORT_GATE_PORT"},
		"wait on port 0":      {args: []string{"wait"}, env: gateEnv("KOHORT_GATE_PORT", "0"), code: exitUsage, says: `"0"`},
		"run nothing":         {args: []string{"run", "--"}, code: exitUsage, says: "run -- COMMAND"},
		"run without dashes":  {args: []string{"run", "true", "true"}, code: exitUsage, says: "run -- COMMAND"},
		"run without uid":     {args: []string{"run", "--", "true"}, env: gateEnv("KOHORT_POD_UID", ""), code: exitUsage, says: "KOHORT_POD_UID"},
		"run without hooks":   {args: []string{"run", "--", "true"}, env: gateEnv("KOHORT_HOOKS", ""), code: exitUsage, says: "KOHORT_HOOKS"},
		"wait on port 65536":  {args: []string{"wait"}, env: gateEnv("KOHORT_GATE_PORT", "65536"), code: exitUsage, says: `"65536"`},
	} {
		t.Run(name, func(t *testing.T) {
			var stderr bytes.Buffer
			code := run(c.args, func(name string) string { return c.env[name] }, &stderr)
			if code != c.code {
				t.Errorf("exit code %d, want %d; it said: %s", code, c.code, stderr.String())
			}
			if !strings.Contains(stderr.String(), c.says) || c.says == "" && stderr.Len() > 0 {
				t.Errorf("it said %q, want %q in it", stderr.String(), c.says)
			}
		})
	}
}

func TestInstallCopiesThisProgram(t *testing.T) {
	folder := t.TempDir()
	dest := filepath.Join(folder, "launcher")
	// What is there already, even without permissions, is replaced.
	if err := os.WriteFile(dest, []byte("old"), 0o400); err != nil {
		t.Fatal(err)
	}
	if code := run([]string{"install", dest}, os.Getenv, t.Output()); code != exitOK {
		t.Fatalf("exit code %d", code)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(dest)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("installed %d bytes that differ from this program's %d", len(got), len(want))
	}
	info, err := os.Stat(dest)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o755 {
		t.Errorf("the mode is %v, want 0755", info.Mode())
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("the folder holds %v, want the program alone", entries)
	}
}
