package edit

import (
	"testing"
)

func TestEdits(t *testing.T) {
	const env = "# head\nA=1\nexport KEY=\"one\ntwo\" # note\nB='x'\n"
	const doc = `# kept
x-limits: &limits
  memory: 1G # shared
  cpus: "2"
services:
  app:
    # the application
    image: app:1
    environment: [A=1, KEY=value]
    command: |
      one
      two
    deploy: {resources: {limits: *limits}}
  db:
    deploy:
      resources:
        limits:
          <<: *limits
          pids: 10
    ports:
      - "1:1"
`
	for name, test := range map[string]struct {
		edit       Edit
		text, want string
	}{
		"empty":                  {Empty, "a", ""},
		"half":                   {Half, "abcd", "ab"},
		"content":                {Content("x"), "a", "x"},
		"replace":                {Replace("a", "b"), "aXa", "bXb"},
		"append":                 {Append("b\n"), "a", "a\nb\n"},
		"append to lines":        {Append("b\n"), "a\n", "a\nb\n"},
		"drop lines":             {DropLines(2, 3), "1\n2\n3\n4", "1\n4"},
		"drop the last line":     {DropLines(4, 4), "1\n2\n3\n4", "1\n2\n3\n"},
		"comment lines":          {CommentLines(2, 2), "1\r\n2\r\n", "1\r\n# 2\r\n"},
		"variable":               {SetVariable("A", 2, "2"), env, "# head\nA=2\nexport KEY=\"one\ntwo\" # note\nB='x'\n"},
		"variable emptied":       {SetVariable("B", 5, ""), env, "# head\nA=1\nexport KEY=\"one\ntwo\" # note\nB=\n"},
		"several lines":          {SetVariable("KEY", 3, "x"), env, "# head\nA=1\nexport KEY=x\nB='x'\n"},
		"several lines dropped":  {DropVariable("KEY", 3), env, "# head\nA=1\nB='x'\n"},
		"several lines comments": {CommentVariable("KEY", 3), env, "# head\nA=1\n# export KEY=\"one\n# two\" # note\nB='x'\n"},
		"any name":               {DropVariable("", 2), env, "# head\nexport KEY=\"one\ntwo\" # note\nB='x'\n"},
		"another name":           {DropVariable("X", 2), env, env},
		"no such line":           {DropVariable("A", 20), env, env},
		"an open quote":          {DropVariable("A", 1), "A=\"x\nB=1\n", "B=1\n"},
		"drop yaml":              {DropYAML("a", "b"), "a:\n  # on c\n  c: 1 # one\n  b: 2\n", "a:\n  # on c\n  c: 1 # one\n"},
		"drop the only key":      {DropYAML("a", "b"), "a:\n  b: 2\nc: 1\n", "a: {}\nc: 1\n"},
		"drop an item":           {DropYAML("a", "0"), "a: [1, 2]\n", "a: [2]\n"},
		"drop a named item":      {DropYAML("a", "KEY"), "a:\n  - X=1\n  - KEY=2\n", "a:\n  - X=1\n"},
		"set yaml":               {SetYAML("null", "a", "b"), "a:\n  b: 2\n", "a:\n  b: null\n"},
		"set a named item":       {SetYAML("x", "a", "KEY"), "a:\n  - KEY=2\n", "a:\n  - \"KEY=x\"\n"},
		"add a key":              {AddYAML("[1]", "b", "a"), "a:\n  c: 1\n", "a:\n  c: 1\n  b: [1]\n"},
		"add an item":            {AddYAML(`["2:2"]`, "ports", "services", "db"), "services:\n  db:\n    ports:\n      - 1:1\n", "services:\n  db:\n    ports:\n      - 1:1\n      - \"2:2\"\n"},
		"replace a key":          {AddYAML("2", "b", "a"), "a:\n  b: 1\n", "a:\n  b: 2\n"},
		"comment yaml":           {CommentYAML("services", "app", "command"), "services:\n  app:\n    command: |\n      one\n      two\n    image: a\n", "services:\n  app:\n#     command: |\n#       one\n#       two\n    image: a\n"},
		"comment in a flow":      {CommentYAML("services", "app", "environment", "KEY"), doc, doc},
		"no such key":            {DropYAML("services", "none"), doc, doc},
		"not yaml":               {DropYAML("a"), "a: [", "a: ["},
		"merged": {DropYAML("services", "db", "deploy", "resources", "limits", "memory"), "a: &l\n  memory: 1\n  cpus: 2\nservices:\n  db:\n    deploy:\n      resources:\n        limits:\n          <<: *l\n",
			"a: &l\n  cpus: 2\nservices:\n  db:\n    deploy:\n      resources:\n        limits:\n          <<: *l\n"},
		"alias":         {DropYAML("b", "memory"), "a: &l\n  memory: 1\n  cpus: 2\nb: *l\n", "a: &l\n  cpus: 2\nb: *l\n"},
		"last document": {SetYAML("2", "a"), "a: 0\n---\na: 1\n---\nb: 1\n", "a: 0\n---\na: 2\n---\nb: 1\n"},
	} {
		before := []byte(test.text)
		if got := string(test.edit(before)); got != test.want {
			t.Errorf("%s:\n%s\nwant:\n%s", name, got, test.want)
		}
		if string(before) != test.text {
			t.Errorf("%s modified its argument", name)
		}
	}
	if Delete([]byte("x")) != nil {
		t.Error("Delete keeps a file")
	}
}
