// Checks a compose file as `docker compose` would read it, without Docker: against the Compose schema, for every set of
// profiles, with the references between services, volumes and networks resolved. Called by scripts/check-configs.mjs:
//
//	go -C scripts/check-compose run . FILE
//
// Prints one line a set of profiles, `PROFILES: SERVICES`. Exit: 0 valid, 1 not, with the reason on standard error.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
)

func services(file string, profiles []string) ([]string, []string, error) {
	// No environment: what is checked is the file, not this machine.
	options, err := cli.NewProjectOptions([]string{file},
		cli.WithWorkingDirectory(filepath.Dir(file)),
		cli.WithProfiles(profiles),
		cli.WithConsistency(true),
		cli.WithNormalization(true),
	)
	if err != nil {
		return nil, nil, err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return nil, nil, err
	}
	names := project.ServiceNames()
	slices.Sort(names)
	var all []string
	for _, service := range project.AllServices() {
		all = append(all, service.Profiles...)
	}
	slices.Sort(all)
	return names, slices.Compact(all), nil
}

func run(file string) error {
	file, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	_, profiles, err := services(file, []string{"*"})
	if err != nil {
		return err
	}
	for chosen := 0; chosen < 1<<len(profiles); chosen++ {
		set := []string{}
		for i, profile := range profiles {
			if chosen&(1<<i) != 0 {
				set = append(set, profile)
			}
		}
		names, _, err := services(file, set)
		label := strings.Join(set, "+")
		if label == "" {
			label = "default"
		}
		if err != nil {
			return fmt.Errorf("%s: %w", label, err)
		}
		fmt.Printf("%s: %s\n", label, strings.Join(names, " "))
	}
	return nil
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: check-compose FILE")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
