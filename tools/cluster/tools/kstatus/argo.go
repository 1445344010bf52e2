package main

import (
	"fmt"
	"sort"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// scripted runs a health check as Argo CD's documentation has it: the object is the global obj,
// and a table with status and message comes back. Only the libraries that Argo CD opens are there.
func scripted(script string, u *unstructured.Unstructured) (Health, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{
		lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable,
		lua.StringLibName: lua.OpenString, lua.MathLibName: lua.OpenMath,
	} {
		state.Push(state.NewFunction(open))
		state.Push(lua.LString(name))
		state.Call(1, 0)
	}
	state.SetGlobal("obj", value(state, u.Object))
	if err := state.DoString(script); err != nil {
		return Health{}, err
	}
	table, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return Health{}, fmt.Errorf("the script returns a %s, no table", state.Get(-1).Type())
	}
	health := Health{Status: text(table, "status"), Message: text(table, "message")}
	return health, nil
}

func text(table *lua.LTable, key string) string {
	found, ok := table.RawGetString(key).(lua.LString)
	if !ok {
		return ""
	}
	return string(found)
}

func value(state *lua.LState, from any) lua.LValue {
	switch known := from.(type) {
	case map[string]any:
		table := state.NewTable()
		keys := make([]string, 0, len(known))
		for key := range known {
			keys = append(keys, key)
		}
		sort.Strings(keys)
		for _, key := range keys {
			table.RawSetString(key, value(state, known[key]))
		}
		return table
	case []any:
		table := state.NewTable()
		for _, item := range known {
			table.Append(value(state, item))
		}
		return table
	case string:
		return lua.LString(known)
	case bool:
		return lua.LBool(known)
	case int64:
		return lua.LNumber(known)
	case float64:
		return lua.LNumber(known)
	}
	return lua.LNil
}
