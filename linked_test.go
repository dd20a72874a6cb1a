// The tests of a subject link only the large libraries that the subject needs, so that they build in seconds.

package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// largeLibraries lists libraries that only some subjects may link, in their tests too, each with the reason.
var largeLibraries = map[string]map[string]string{
	"github.com/aws/aws-sdk-go-v2": {
		"awscheck":      "calls AWS",
		"evidencecheck": "reports may be stored in S3",
	},
	"github.com/moby/moby/client": {
		"awscheck":      "compares an uploaded object with the newest backup, which may be in a container",
		"backupcheck":   "backups may be in a container",
		"container":     "calls Docker Engine",
		"dockerclient":  "calls Docker Engine",
		"evidencecheck": "imports awscheck",
		"firewall":      "Docker publishes ports past the firewall",
		"gitscan":       "parses image names as dockerclient does",
		"releasecheck":  "compares the running images with the release",
	},
	"github.com/zricethezav/gitleaks/v8": {
		"gitscan":         "finds secrets with gitleaks",
		"gitscan/content": "compares what it recognises as encoded with what gitleaks does",
	},
}

// testProgram is the test binary of one package, with everything that it links.
type testProgram struct {
	ImportPath string
	Deps       []string
}

func (p testProgram) subject() (string, bool) {
	path, isTest := strings.CutSuffix(p.ImportPath, ".test")
	subject, below := strings.CutPrefix(path, module+"/probe/")
	return subject, isTest && below
}

func (p testProgram) links(library string) bool {
	return slices.ContainsFunc(p.Deps, func(dep string) bool { return dep == library || strings.HasPrefix(dep, library+"/") })
}

// TestLinked checks the table in both directions: no subject links more, and no entry is out of date.
func TestLinked(t *testing.T) {
	programs := listTests(t, "./probe/...")
	if len(programs) == 0 {
		t.Fatal("no subject has tests")
	}
	for library, allowed := range largeLibraries {
		for subject, program := range programs {
			switch linked := program.links(library); {
			case linked && allowed[subject] == "":
				t.Errorf("the tests of probe/%s link %s: remove the import, or add it to largeLibraries with a reason", subject, library)
			case !linked && allowed[subject] != "":
				t.Errorf("the tests of probe/%s do not link %s: remove it from largeLibraries", subject, library)
			}
		}
		for subject := range allowed {
			if _, found := programs[subject]; !found {
				t.Errorf("probe/%s has no tests: remove it from largeLibraries", subject)
			}
		}
	}
}

func listTests(t *testing.T, pattern string) map[string]testProgram {
	t.Helper()
	var stderr strings.Builder
	command := exec.Command("go", "list", "-test", "-json=ImportPath,Deps", pattern)
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	programs := map[string]testProgram{}
	for decoder := json.NewDecoder(strings.NewReader(string(output))); ; {
		var program testProgram
		if err := decoder.Decode(&program); errors.Is(err, io.EOF) {
			return programs
		} else if err != nil {
			t.Fatal(err)
		}
		if subject, ok := program.subject(); ok {
			programs[subject] = program
		}
	}
}
