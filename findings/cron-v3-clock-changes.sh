#!/usr/bin/env bash
# github.com/robfig/cron/v3 is what a Kubernetes CronJob asks for its next start. It walks days by
# adding 24 hours to a midnight and hours by adding 60 minutes, so clock changes take more from it than
# the hour that is skipped:
# - Cairo skips midnight of Friday 2026-04-24. A line for Fridays at 09:00 loses that Friday, and one
#   for Thursdays at 09:00 starts on that Friday, too.
# - Lord Howe moves its clocks by half an hour. A line for 05:00 loses the day of the change, though
#   05:00 is there, and one for 00:07 loses the day after it.
#
# Seen with v3.0.1:
#   0 9 * * 5 Africa/Cairo: Fri 05-01 09:00 Fri 05-08 09:00 Fri 05-15 09:00 Fri 05-22 09:00
#   0 9 * * 4 Africa/Cairo: Thu 04-23 09:00 Fri 04-24 09:00 Thu 04-30 09:00 Thu 05-07 09:00
#   0 5 * * * Australia/Lord_Howe: Fri 10-02 05:00 Sat 10-03 05:00 Mon 10-05 05:00 Tue 10-06 05:00
#   7 0 * * * Australia/Lord_Howe: Fri 10-02 00:07 Sat 10-03 00:07 Sun 10-04 00:07 Tue 10-06 00:07
#
# In CLM: such slots are kept, and the schedule says so beforehand.
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > main.go <<'GO'
package main

import (
	"fmt"
	"time"
	_ "time/tzdata"

	"github.com/robfig/cron/v3"
)

func main() {
	for _, c := range [][3]string{
		{"0 9 * * 5", "Africa/Cairo", "2026-04-20"},
		{"0 9 * * 4", "Africa/Cairo", "2026-04-20"},
		{"0 5 * * *", "Australia/Lord_Howe", "2026-10-02"},
		{"7 0 * * *", "Australia/Lord_Howe", "2026-10-02"},
	} {
		zone, err := time.LoadLocation(c[1])
		if err != nil {
			panic(err)
		}
		schedule, err := cron.ParseStandard("TZ=" + c[1] + " " + c[0])
		if err != nil {
			panic(err)
		}
		at, _ := time.ParseInLocation(time.DateOnly, c[2], zone)
		fmt.Printf("%s %s:", c[0], c[1])
		for range 4 {
			at = schedule.Next(at)
			fmt.Print(at.In(zone).Format(" Mon 01-02 15:04"))
		}
		fmt.Println()
	}
}
GO
go mod init finding 2>/dev/null
go get github.com/robfig/cron/v3@v3.0.1 2>/dev/null
seen=$(go run .)
echo "robfig/cron v3.0.1"
echo "$seen"
[ "$seen" = "$(sed -n 's/^#   \([0-9] [0-9].*\)$/\1/p' "$self")" ] ||
    { echo "the behaviour has changed" >&2; exit 1; }
