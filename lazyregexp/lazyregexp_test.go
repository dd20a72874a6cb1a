package lazyregexp

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// Every method returns what that of the compiled expression returns.
func TestRegexp_Methods(t *testing.T) {
	const text = `(?i)(b)(c*)`
	values := map[reflect.Type]reflect.Value{
		reflect.TypeFor[string]():              reflect.ValueOf("abcc-aBx"),
		reflect.TypeFor[[]byte]():              reflect.ValueOf([]byte("abcc-aBx")),
		reflect.TypeFor[int]():                 reflect.ValueOf(-1),
		reflect.TypeFor[func(string) string](): reflect.ValueOf(strings.ToUpper),
	}
	lazy, compiled := reflect.ValueOf(New(text)), reflect.ValueOf(regexp.MustCompile(text))
	for i := range lazy.NumMethod() {
		name := lazy.Type().Method(i).Name
		method := lazy.Method(i)
		var arguments []reflect.Value
		for n := range method.Type().NumIn() {
			arguments = append(arguments, values[method.Type().In(n)])
		}
		got, want := fmt.Sprint(method.Call(arguments)[0]), fmt.Sprint(compiled.MethodByName(name).Call(arguments)[0])
		if got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestRegexp_Lazy(t *testing.T) {
	r := &Regexp{text: "a+"}
	if r.compiled != nil || !r.MatchString("baa") || r.compiled == nil {
		t.Errorf("compiled: %v", r.compiled)
	}
}

// In tests, New finds invalid expressions that no test uses.
func TestNew_Invalid(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	New("(")
}
