package scanners

import (
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// linters are tools whose findings are about style and correctness. golangci-lint and MegaLinter also run security scanners,
// and are not among them.
func linters() []string {
	return []string{
		"eslint", "oxlint", "biome", "tslint", "jshint", "standard", "stylelint", "htmlhint", "prettier", "markdownlint", "textlint", "vale", "yamllint",
		"actionlint", "editorconfig-checker", "shellcheck", "hadolint", "commitlint", "pylint", "flake8", "pycodestyle", "pydocstyle", "black", "isort",
		"mypy", "pyright", "ruff", "staticcheck", "revive", "golint", "govet", "go vet", "gofmt", "clippy", "rustfmt", "checkstyle", "pmd", "ktlint", "detekt",
		"android lint", "swiftlint", "swiftformat", "rubocop", "reek", "standardrb", "phpstan", "phpcs", "php_codesniffer", "php-cs-fixer", "credo",
		"clang-tidy", "cppcheck", "cpplint", "stylecop", "scalastyle", "scalafix", "tflint", "sqlfluff", "buf", "spectral", "redocly",
	}
}

// securityRule matches the rules of a linter's security plugin: eslint-plugin-security, the S rules of ruff (bandit),
// RuboCop's department Security, find-sec-bugs.
var securityRule = lazyregexp.New(`(?i)security|secur|(?:^|[/.])(?:S[1-7]\d\d|B[1-7]\d\d|G[1-7]\d\d)$|no-secrets|xss|injection|no-unsanitized`)

// onlyLints reports whether the tool of a run is a linter, and none of its rules is about security.
func (s *sarifRun) onlyLints() bool {
	tool := strings.ToLower(strings.TrimSpace(s.tool))
	first, _, _ := strings.Cut(tool, " ")
	if !slices.Contains(linters(), tool) && !slices.Contains(linters(), first) {
		return false
	}
	return !slices.ContainsFunc(s.names, securityRule.MatchString)
}
