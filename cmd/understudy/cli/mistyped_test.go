package cli_test

import (
	"strings"
	"testing"
)

// Issue 4: a value that does not fit its flag is refused in words, not in those of the
// language.
func TestMistypedFlags(t *testing.T) {
	for args, want := range map[string]string{
		"journal list --after x":                 "--after x is not a whole number, 0 or more",
		"journal list -n many":                   "--number many is not a whole number",
		"status --timeout 5":                     "--timeout 5 is not a duration such as 500ms, 30s, 5m or 72h",
		"load --rate fast":                       "--rate fast is not a number",
		"status --watch=perhaps":                 "--watch perhaps is not true or false",
		"group set pool --weight ws1.example":    "--weight ws1.example is not HOST=N",
		"group set pool --weight ws1.example=no": "--weight ws1.example=no is not HOST=N",
	} {
		code, _, problems := run(t, strings.Fields(args)...)
		if first, _, _ := strings.Cut(problems, "\n"); code != 2 || first != "understudy: "+want {
			t.Errorf("%s: exit %d: %s", args, code, problems)
		}
	}
}
