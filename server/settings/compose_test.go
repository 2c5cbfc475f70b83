package settings

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestComposeStarts reads what docker-compose.yml and the Dockerfile set, with the one variable that a person has to
// give, as the container would.
func TestComposeStarts(t *testing.T) {
	t.Parallel()
	var file struct {
		Services map[string]struct {
			Image       string
			Environment map[string]string
		}
	}
	if err := yaml.Unmarshal(read(t, "docker-compose.yml"), &file); err != nil {
		t.Fatal(err)
	}
	given := map[string]string{"MUSTER_SECRET_KEY": key}
	var env []string
	for name, value := range file.Services["muster"].Environment {
		env = append(env, name+"="+os.Expand(value, func(expression string) string {
			variable, fallback, _ := strings.Cut(expression, ":")
			if value := given[variable]; value != "" {
				return value
			}
			fallback, ok := strings.CutPrefix(fallback, "-")
			if !ok {
				t.Errorf("%s asks for %s, which the file's first lines do not mention", name, variable)
			}
			return fallback
		}))
	}
	for _, line := range regexp.MustCompile(`(?m)^ENV (\S+)$`).FindAllStringSubmatch(string(read(t, "Dockerfile")), -1) {
		env = append(env, line[1])
	}
	got := parse(t, nil, env)
	if got.Embedded() || got.Demo() || got.Mailbox() || got.Addr != "0.0.0.0:8080" || len(got.Warnings) > 0 {
		t.Errorf("embedded %v, demo %v, mailbox %v, addr %s, warnings %q; want an installation on every address",
			got.Embedded(), got.Demo(), got.Mailbox(), got.Addr, got.Warnings)
	}
	pinned := regexp.MustCompile(`:v?\d+\.\d+`)
	for name, service := range file.Services {
		if name != "muster" && !pinned.MatchString(service.Image) {
			t.Errorf("%s runs %q, want a pinned version", name, service.Image)
		}
	}
}

// TestImageAloneSaysWhatIsMissing is the Dockerfile's environment and nothing else.
func TestImageAloneSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	_, err := Parse(nil, []string{"MUSTER_ADDR=0.0.0.0:8080"}, new(strings.Builder))
	if err == nil || !strings.Contains(err.Error(), "DATABASE_URL") {
		t.Errorf("says %v, want a sentence with DATABASE_URL", err)
	}
}

// read gives a file at the top of the project.
func read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}
