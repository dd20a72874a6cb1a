package usage

import "github.com/alecthomas/kingpin/v2"

// SetDefaults sets omitted flags to their defaults if the command line contains a flag named "version". kingpin v2.4.0
// treats every such flag as the program's own --version and then sets no defaults, but `deploy plan --version=1.5.0`
// does run.
func SetDefaults(k *kingpin.Application) kingpin.Action {
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
			return nil // kingpin set them; a second Set would add the defaults of list flags twice
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
