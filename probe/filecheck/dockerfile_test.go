package filecheck

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// documented returns the parameters of the first file_content probe of an item in docs/own-checklist.md.
func documented(t *testing.T, item string) string {
	t.Helper()
	guide, err := os.ReadFile("../../docs/own-checklist.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?ms)^```yaml\n(.*?)^```").FindAllStringSubmatch(string(guide), -1) {
		var items []struct {
			Item   string                 `yaml:"item"`
			Probes []map[string]yaml.Node `yaml:"probes"`
		}
		if yaml.Unmarshal([]byte(block[1]), &items) != nil {
			continue
		}
		for _, each := range items {
			if each.Item == item {
				spec := each.Probes[0]["file_content"]
				text, err := yaml.Marshal(&spec)
				if err != nil {
					t.Fatal(err)
				}
				return string(text)
			}
		}
	}
	t.Fatalf("docs/own-checklist.md has no item %s", item)
	return ""
}

// The documented questions about Dockerfiles are about the last stage.
func TestFileContent_Dockerfiles(t *testing.T) {
	digest := "@sha256:" + strings.Repeat("1a", 32)
	for item, test := range map[string]struct{ sound, broken []string }{
		"image_user": {
			sound: []string{
				"FROM alpine:3.20\nUSER app\n",
				"FROM golang:1.26 AS build\nUSER root\nFROM alpine:3.20\nUSER 1000:1000\n",
				"from alpine:3.20\nuser app\n",
				"FROM alpine:3.20\nUSER root\nRUN apk add x\nUSER app:root\n",
				"FROM alpine:3.20\nUSER \\\n  rootless\nENTRYPOINT [\"x\"]\n",
				"FROM alpine:3.20\nUSER \"app\"\n",
			},
			broken: []string{
				"FROM alpine:3.20\n",
				"FROM golang:1.26 AS build\nUSER app\nFROM alpine:3.20\n",
				"FROM alpine:3.20\nUSER app\nUSER root\n",
				"FROM alpine:3.20\nUSER 0:0\n",
				"FROM alpine:3.20\n# USER app\n",
				"FROM alpine:3.20\nUSER \"root\"\n",
				"FROM alpine:3.20\nUSER root:app\n",
			},
		},
		"base_image_pinned": {
			sound: []string{
				"FROM alpine:3.20\n",
				"FROM golang:latest AS build\nFROM registry.internal:5000/base:1.2\n",
				"FROM alpine" + digest + "\n",
				"FROM --platform=$BUILDPLATFORM golang:1.26 AS build\nFROM scratch\n",
				"FROM node:22.1 AS build\nFROM build AS final\n",
				"FROM alpine:latest AS tools\nFROM --platform=linux/amd64 alpine:3.20" + digest + " AS final\n",
			},
			broken: []string{
				"FROM alpine\n",
				"FROM golang:1.26 AS build\nFROM alpine:latest\n",
				"FROM registry.internal:5000/base\n",
				"FROM --platform=linux/amd64 alpine\n",
				"FROM node:latest AS build\nFROM build AS final\n",
				"FROM alpine:${VERSION}\n",
				"ARG BASE=alpine:3.20\nFROM $BASE\n",
				"FROM nginx:stable AS final\n",
			},
		},
	} {
		spec := documented(t, item)
		judge := func(text string, want probe.State) {
			got := probetest.Look(t, probetest.NewPass(t, probetest.Folder{"Dockerfile": text}, deployment.Settings{}), ContentKind(), spec)
			if got.State != want {
				t.Errorf("%s: %v (%s) %s of\n%s", item, got.State, got.Reason, got.Detail, text)
			}
		}
		for _, text := range test.sound {
			judge(text, probe.StatePass)
		}
		for _, text := range test.broken {
			judge(text, probe.StateFail)
		}
	}
}
