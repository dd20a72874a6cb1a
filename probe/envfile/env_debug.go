package envfile

import (
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Variables that enable debug output next to the log level. Which of them wins is the application's decision, so that
// they are a warning.

// debugSwitch is a variable, or a pattern of variables, that enables debug output.
type debugSwitch struct {
	key    string // path.Match
	debugs func(string) bool
}

// isDebugLevel matches a level below info by name or number: of Python (10), zap (-1), slog (-4, -8) and PostgreSQL (debug1).
var isDebugLevel = lazyregexp.New(`(?i)^(?:debug\d?|trace|verbose|silly|all|finest|finer|fine|10|-1|-4|-8)$`).MatchString

// hasDebugLevel matches a list of directives such as "info,http=debug".
var hasDebugLevel = lazyregexp.New(`(?i)(?:^|[=,:\s])(?:debug|trace)(?:$|[,;/\s])`).MatchString

// isDevelopment matches the names of environments, or a list with one of them, that enable debug output.
var isDevelopment = lazyregexp.New(`(?i)(?:^|[,\s])(?:dev|devel|develop|development|local|debug|test|testing)(?:$|[,\s])`).MatchString

var isHighNumber = lazyregexp.New(`^(?:[2-9]|[1-9]\d+)$`).MatchString

func isOn(text string) bool {
	return slices.Contains([]string{"true", "1", "yes", "on", "y", "t", "enable", "enabled", "debug", "trace", "verbose", "all", "*"}, strings.ToLower(text))
}

// isNotOff is for variables that may also name what is logged.
func isNotOff(text string) bool {
	return !slices.Contains([]string{"false", "0", "no", "off", "n", "f", "disable", "disabled", "none", "null", "never", "info", "warn", "warning", "error",
		"production", "release"}, strings.ToLower(text))
}

// debugSwitches lists what frameworks and log libraries document. The first entry that matches a key counts.
func debugSwitches() []debugSwitch {
	return []debugSwitch{
		{"DEBUG", isNotOff},                           // Django, Flask, Laravel: a switch; npm debug: names of loggers
		{"NODE_DEBUG", isNotOff},                      // Node.js: names of modules
		{"NODE_ENV", isDevelopment},                   // Express
		{"GIN_MODE", isDevelopment},                   // Gin: debug, release, test
		{"RUST_LOG", hasDebugLevel},                   // env_logger: directives with a level
		{"APP_ENV", isDevelopment},                    // Laravel, Symfony
		{"APPLICATION_ENV", isDevelopment},            // Zend
		{"GO_ENV", isDevelopment},                     // Buffalo
		{"FLASK_ENV", isDevelopment},                  // Flask before 2.3
		{"RAILS_ENV", isDevelopment},                  // Ruby on Rails
		{"RACK_ENV", isDevelopment},                   // Rack
		{"MIX_ENV", isDevelopment},                    // Elixir
		{"ASPNETCORE_ENVIRONMENT", isDevelopment},     // ASP.NET: development, staging, production
		{"DOTNET_ENVIRONMENT", isDevelopment},         // the same
		{"SPRING_PROFILES_ACTIVE", isDevelopment},     // Spring Boot: a list
		{"MICRONAUT_ENVIRONMENTS", isDevelopment},     // Micronaut: a list
		{"QUARKUS_PROFILE", isDevelopment},            // Quarkus
		{"LOGGING_LEVEL_*", isDebugLevel},             // Spring Boot: LOGGING_LEVEL_ROOT
		{"Logging__LogLevel__*", isDebugLevel},        // .NET
		{"GRPC_VERBOSITY", isDebugLevel},              // gRPC
		{"GRPC_GO_LOG_VERBOSITY_LEVEL", isHighNumber}, // grpclog of gRPC for Go
		{"PYTHONASYNCIODEBUG", isNotOff},              // Python
		{"VERBOSE", isOn},                             // common to many programs, like the following
		{"LOG_VERBOSE", isOn},
		{"TRACE", isOn},
		{"DEBUG_MODE", isOn},
		{"DEBUG_ENABLED", isOn},
		{"DEBUG_LOG", isOn},
		{"DEBUG_LOGS", isOn},
		{"DEBUG_LOGGING", isOn},
		{"ENABLE_DEBUG", isOn},
		{"ENABLE_DEBUG_*", isOn},
		{"IS_DEBUG", isOn},
		{"LOG_DEBUG", isOn},
		{"*_DEBUG", isOn}, // APP_DEBUG, FLASK_DEBUG, DJANGO_DEBUG, PBS_DEBUG
		{"*_DEBUG_MODE", isOn},
		{"LOGLEVEL", isDebugLevel},
		{"LOGGING_LEVEL", isDebugLevel},
		{"LOG_LVL", isDebugLevel},
		{"LOGGER_LEVEL", isDebugLevel},
		{"*_LOG_LEVEL", isDebugLevel}, // APP_LOG_LEVEL, UVICORN_LOG_LEVEL, PBS_LOG_LEVEL
		{"*_LOGLEVEL", isDebugLevel},
		{"LOG_LEVEL_*", isDebugLevel},
	}
}

// debugNeighbours warns of other variables of the application that enable debug output.
func (s *envWord) debugNeighbours(p *probe.Pass, f *probe.ResultBuilder) error {
	switches := debugSwitches()
	patterns := make([]string, len(switches))
	for i, one := range switches {
		patterns[i] = one.key
	}
	keys, err := p.View.Keys(patterns...)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if slices.Contains(s.Key, key) {
			continue
		}
		i := slices.IndexFunc(switches, func(one debugSwitch) bool { return deployment.MatchesKey(one.key, key) })
		values, err := p.View.OwnEach(key)
		if err != nil {
			return err
		}
		for _, v := range values {
			if text := strings.TrimSpace(v.Text.Reveal()); v.Set && i >= 0 && text != "" && switches[i].debugs(text) {
				f.Warn(probe.ReasonWeak, "%s at %s enables debug output, whatever %s says. Unset it", v.Key, v.Origin, s.Key[0])
			}
		}
	}
	return nil
}
