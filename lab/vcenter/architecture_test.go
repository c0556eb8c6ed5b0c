// Tests of the architecture: a package imports only packages below it, and only some packages may use govmomi.

package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	internalPackages = "cutover.smc/lab/vcenter/internal/"
	govmomiPackages  = "github.com/vmware/govmomi"
)

// layers are the directories of the packages, from the lowest to the highest.
var layers = []string{"internal/disk", "internal/machine", "internal/sim", "internal/frontend", "internal/control", "."}

// eachImport calls the function for every import of every Go file except tests.
func eachImport(t *testing.T, do func(directory, imported string)) {
	t.Helper()
	must(t, filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			do(filepath.ToSlash(filepath.Dir(path)), imported)
		}
		return nil
	}))
}

func TestImportsPointDown(t *testing.T) {
	used := map[string]bool{}
	eachImport(t, func(directory, imported string) {
		importer := slices.Index(layers, directory)
		if importer < 0 {
			t.Fatalf("the package %s is not in the list of layers", directory)
		}
		name, ours := strings.CutPrefix(imported, internalPackages)
		if !ours {
			return
		}
		used[name] = true
		if slices.Index(layers, "internal/"+name) >= importer {
			t.Errorf("%s imports %s, which is not below it", directory, imported)
		}
	})
	if len(used) != len(layers)-1 {
		t.Errorf("only %v are imported", used)
	}
}

func TestDiskAndMachineDoNotUseTheSimulator(t *testing.T) {
	eachImport(t, func(directory, imported string) {
		switch directory {
		case "internal/disk":
			if strings.HasPrefix(imported, govmomiPackages) {
				t.Errorf("%s imports %s", directory, imported)
			}
		case "internal/machine":
			if strings.HasPrefix(imported, govmomiPackages) && strings.Contains(imported, "/simulator") {
				t.Errorf("%s imports %s", directory, imported)
			}
		}
	})
}
