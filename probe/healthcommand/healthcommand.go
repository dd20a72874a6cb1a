// Package healthcommand recognizes health checks that can never fail.
package healthcommand

import (
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// AlwaysSucceeds reports whether a health check succeeds whatever the service does: true, exit 0, curl … || true. Test is
// written as in a compose file: CMD or CMD-SHELL first.
func AlwaysSucceeds(test []string) bool {
	if len(test) == 0 {
		return false
	}
	switch words := test[1:]; {
	case test[0] == "CMD-SHELL":
		return scriptSucceeds(strings.Join(words, " "))
	case test[0] == "CMD" && len(words) >= 3 && isShell(words[0]) && strings.HasPrefix(words[1], "-") && strings.Contains(words[1], "c"):
		return scriptSucceeds(words[2])
	case test[0] == "CMD" && len(words) > 0:
		return wordsSucceed(words)
	}
	return false
}

func isShell(name string) bool {
	return slices.Contains([]string{"sh", "bash", "ash", "dash", "busybox"}, path.Base(name))
}

// scriptSucceeds judges a shell script by its last command. One that is not parsed may fail.
func scriptSucceeds(script string) bool {
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(script), "")
	if err != nil || len(file.Stmts) == 0 {
		return err == nil // an empty script succeeds
	}
	return statementsSucceed(file.Stmts)
}

// statementsSucceed judges a list: the last statement decides, unless an earlier one ends the script. `set -e` and exit make
// the earlier ones count, so a list with one of them may fail.
func statementsSucceed(list []*syntax.Stmt) bool {
	if len(list) == 0 {
		return true
	}
	for _, s := range list[:len(list)-1] {
		if mayEnd(s) {
			return false
		}
	}
	return statementSucceeds(list[len(list)-1])
}

// mayEnd reports whether a statement may end the script, or makes later failures end it.
func mayEnd(s *syntax.Stmt) bool {
	found := false
	syntax.Walk(s, func(n syntax.Node) bool {
		if call, ok := n.(*syntax.CallExpr); ok && len(call.Args) > 0 {
			name := call.Args[0].Lit()
			found = found || name == "exit" || name == "exec" || name == "set"
		}
		return !found
	})
	return found
}

func statementSucceeds(s *syntax.Stmt) bool {
	if s.Background {
		return true
	}
	if s.Negated {
		call, ok := s.Cmd.(*syntax.CallExpr)
		return ok && len(call.Args) == 1 && call.Args[0].Lit() == "false"
	}
	switch c := s.Cmd.(type) {
	case *syntax.CallExpr:
		var words []string
		for _, w := range c.Args {
			words = append(words, w.Lit()) // "" for a word with expansions
		}
		return wordsSucceed(words)
	case *syntax.BinaryCmd:
		switch c.Op {
		case syntax.OrStmt:
			return statementSucceeds(c.X) || statementSucceeds(c.Y)
		case syntax.AndStmt:
			return statementSucceeds(c.X) && statementSucceeds(c.Y)
		}
		return statementSucceeds(c.Y) // a pipe: the last command decides
	case *syntax.Subshell:
		return statementsSucceed(c.Stmts)
	case *syntax.Block:
		return statementsSucceed(c.Stmts)
	}
	return false
}

// wordsSucceed reports whether a simple command always succeeds.
func wordsSucceed(words []string) bool {
	if len(words) == 0 {
		return false // an assignment, whose substitution may fail
	}
	switch name := path.Base(words[0]); name {
	case "true", ":", "echo", "printf", "sleep", "cat", "tee", "date", "pwd":
		return name != "cat" || len(words) == 1
	case "exit":
		return len(words) == 2 && words[1] == "0"
	}
	return false
}
