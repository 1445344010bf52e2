// Program kstatus tells what GitOps tools make of Kubernetes objects.
//
// It reads a JSON array of objects from standard input and writes one array of {status, message}.
//
//	kstatus               as Flux, kpt and cli-utils see them
//	kstatus argo SCRIPT   as Argo CD does with a health check in Lua
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

// Health is one object's answer.
type Health struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

func main() {
	if err := answer(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "kstatus:", err)
		os.Exit(1)
	}
}

func answer(arguments []string) error {
	judge := computed
	switch {
	case len(arguments) == 2 && arguments[0] == "argo":
		script, err := os.ReadFile(arguments[1])
		if err != nil {
			return err
		}
		judge = func(u *unstructured.Unstructured) (Health, error) { return scripted(string(script), u) }
	case len(arguments) > 0:
		return fmt.Errorf("usage: kstatus [argo SCRIPT]")
	}
	// Whole numbers must stay whole: cli-utils reads generations as int64, as a client of the API does.
	var raw []json.RawMessage
	if err := json.NewDecoder(os.Stdin).Decode(&raw); err != nil {
		return err
	}
	found := make([]Health, 0, len(raw))
	for _, one := range raw {
		u := &unstructured.Unstructured{}
		if err := u.UnmarshalJSON(one); err != nil {
			return err
		}
		health, err := judge(u)
		if err != nil {
			return err
		}
		found = append(found, health)
	}
	return json.NewEncoder(os.Stdout).Encode(found)
}

func computed(u *unstructured.Unstructured) (Health, error) {
	result, err := status.Compute(u)
	if err != nil {
		return Health{}, err
	}
	return Health{Status: string(result.Status), Message: result.Message}, nil
}
