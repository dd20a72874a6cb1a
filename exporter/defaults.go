package exporter

import "github.com/alecthomas/kingpin/v2"

// setDefaults sets the flags that the command line leaves out to their defaults where kingpin does not: once a flag called "version" is set,
// kingpin v2.4.0 sets no default at all, because it takes every such flag for the program's own --version, after which nothing runs.
// `deploy plan --version=1.5.0` does run.
func setDefaults(k *kingpin.Application) kingpin.Action {
	return func(line *kingpin.ParseContext) error {
		set := map[string]bool{}
		var commands []*kingpin.CmdClause
		for _, element := range line.Elements {
			switch clause := element.Clause.(type) {
			case *kingpin.FlagClause:
				set[clause.Model().Name] = true
			case *kingpin.CmdClause:
				commands = append(commands, clause)
			}
		}
		if !set["version"] {
			return nil // kingpin did it; a second time would double flags that hold lists
		}
		flags := k.Model().Flags
		for _, c := range commands {
			flags = append(flags, c.Model().Flags...)
		}
		for _, f := range flags {
			if set[f.Name] {
				continue
			}
			for _, value := range f.Default {
				if err := f.Value.Set(value); err != nil {
					return err
				}
			}
		}
		return nil
	}
}
