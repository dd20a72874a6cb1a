package dockerclient

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"

	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
)

func TestDockerTransport_RejectsWrites(t *testing.T) {
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodConnect, http.MethodOptions} {
		req, err := http.NewRequest(method, "http://docker/containers/x/start", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := (&dockerTransport{base: &http.Transport{}}).RoundTrip(req)
		if resp != nil || !errors.Is(err, errDockerWriteMethod) {
			t.Errorf("%s: %v", method, err)
		}
	}
}

func TestDockerProjectPick(t *testing.T) {
	listed := func(id, name string, labels ...string) container.Summary {
		c := container.Summary{ID: id, Names: []string{"/other/link", "/" + name}, Labels: map[string]string{}}
		for i := 0; i < len(labels); i += 2 {
			c.Labels[labels[i]] = labels[i+1]
		}
		return c
	}
	all := []container.Summary{
		listed("1", "my-app-web-1", LabelProject, "my-app", LabelService, "web", LabelOneOff, "False"),
		listed("2", "my-app-web-run-1", LabelProject, "my-app", LabelService, "web", LabelOneOff, "True"),
		listed("3", "myapp_db_1", LabelProject, "myapp", LabelService, "db"),
		listed("4", "prod-web-1", LabelProject, "prod", LabelService, "web", LabelFiles, "/srv/x/docker-compose.yml,/srv/x/prod.yml"),
		listed("5", "old_web_1", LabelProject, "old", LabelService, "web", LabelFiles, "docker-compose.yml", LabelDir, "/srv/y"),
		listed("6", "catalyst-backup"),
		listed("7", "taken", LabelProject, "prod", LabelService, "other"),
	}
	for name, tt := range map[string]struct {
		id   projectIdentity
		want string
	}{
		"by name":            {projectIdentity{name: "my-app"}, "1=web"},
		"by Compose v1 name": {projectIdentity{name: "my_app"}, "3=db"},
		"by its files":       {projectIdentity{name: "x", files: []string{"/srv/x/docker-compose.yml"}}, "4=web"},
		"by its files, v1":   {projectIdentity{name: "y", files: []string{"/srv/y/docker-compose.yml"}}, "5=web"},
		"configured name ignores files": {projectIdentity{name: "x", configured: true,
			files: []string{"/srv/x/docker-compose.yml"}}, ""},
		"by container name": {projectIdentity{name: "x", names: map[string]string{"catalyst-backup": "backup"}}, "6=backup"},
		"container name with another service label": {projectIdentity{name: "x",
			names: map[string]string{"taken": "backup"}}, ""},
		"by project and container name": {projectIdentity{name: "my-app",
			names: map[string]string{"catalyst-backup": "backup"}}, "1=web 6=backup"},
		"no match": {projectIdentity{name: "x"}, ""},
		"no name":  {projectIdentity{}, ""},
	} {
		var got []string
		for _, c := range tt.id.pick(all) {
			got = append(got, c.id+"="+c.service)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	if n := ContainerName(all[0]); n != "my-app-web-1" {
		t.Errorf("name %q", n)
	}
	if n := ContainerName(container.Summary{ID: probetest.SixtyFour}); n != probetest.SixtyFour[:12] {
		t.Errorf("name %q", n)
	}
}
