// Prints when a Kubernetes CronJob would start: its own library reads the lines.
//
// Input, a line each: {"line": "0 9 * * 5", "zone": "Africa/Cairo", "from": "…Z", "until": "…Z"}.
// Output, a line each: {"slots": ["…Z"]} or {"error": "…"}.
package main

import (
	"bufio"
	"encoding/json"
	"os"
	"time"
	_ "time/tzdata"

	"github.com/robfig/cron/v3"
)

type question struct {
	Line, Zone  string
	From, Until time.Time
}

type answer struct {
	Slots []time.Time `json:"slots,omitempty"`
	Error string      `json:"error,omitempty"`
}

func ask(q question) answer {
	schedule, err := cron.ParseStandard("TZ=" + q.Zone + " " + q.Line)
	if err != nil {
		return answer{Error: err.Error()}
	}
	var found []time.Time
	for at := schedule.Next(q.From); !at.IsZero() && !at.After(q.Until); at = schedule.Next(at) {
		found = append(found, at.UTC())
	}
	return answer{Slots: found}
}

func main() {
	out := json.NewEncoder(os.Stdout)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var q question
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			panic(err)
		}
		if err := out.Encode(ask(q)); err != nil {
			panic(err)
		}
	}
}
