package schema_test

import (
	"fmt"
	"time"

	"github.com/thenexusengine/catalyst_exporter/schema"
)

func Example() {
	type server struct {
		Host    string          `yaml:"host" required:"true" doc:"where it listens"`
		Port    int             `yaml:"port" min:"1" max:"65535" default:"5432"`
		Mode    string          `yaml:"mode" enum:"require,prefer"`
		Timeout schema.Duration `yaml:"timeout" default:"5s" max:"1m"`
	}
	read := func(text string) {
		n, err := schema.Parse("server.yaml", []byte(text))
		if err != nil {
			fmt.Println(err)
			return
		}
		if ps := schema.Expand("server.yaml", n, func(name string) (string, bool) { return "db.internal", name == "HOST" }); len(ps) > 0 {
			fmt.Println(ps)
			return
		}
		s := server{Port: 5432, Timeout: schema.Duration(5 * time.Second)}
		if ps := schema.Decode("server.yaml", n, &s); len(ps) > 0 {
			fmt.Println(ps)
			return
		}
		fmt.Println(s)
	}
	read("host: ${HOST}\ntimeout: 10s\n")
	read("prot: 80\nmode: requir\ntimeout: 90\n")
	// Output:
	// {db.internal 5432  10s}
	// server.yaml:1:1: unknown field "prot" (did you mean "port"?)
	// server.yaml:1:1: host: required, but missing
	// server.yaml:2:7: mode: "requir" is not one of require, prefer (did you mean "require"?)
	// server.yaml:3:10: timeout: duration has no unit, found "90" (write it like 90s, 26h, 30d or 1d12h)
}
