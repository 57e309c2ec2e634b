package subjects

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Runs is how often each subject is to be measured, by the variable RUNS; 3 unless set.
func Runs() (int, error) {
	text := os.Getenv("RUNS")
	if text == "" {
		return 3, nil
	}
	runs, err := strconv.Atoi(text)
	if err != nil || runs < 1 {
		return 0, fmt.Errorf("RUNS is %q: it must be a number from 1 on", text)
	}
	return runs, nil
}

// Chosen are those of some subjects that the variable SUBJECTS names; all unless set.
func Chosen(all []Subject) ([]Subject, error) {
	return Pick("SUBJECTS", all, func(s Subject) string { return s.Name })
}

// Pick is what a variable names of all that there is, separated by commas; all unless
// it is set.
func Pick[T any](variable string, all []T, name func(T) string) ([]T, error) {
	wanted := os.Getenv(variable)
	if wanted == "" {
		return all, nil
	}
	var known []string
	for _, one := range all {
		known = append(known, name(one))
	}
	var picked []T
	for text := range strings.SplitSeq(wanted, ",") {
		i := slices.Index(known, text)
		if i < 0 {
			return nil, fmt.Errorf("%s has %q: there are %s", variable, text, strings.Join(known, ", "))
		}
		picked = append(picked, all[i])
	}
	return picked, nil
}

// Names of what can be asked for.
func Names[T any](of map[string]T) string {
	return strings.Join(slices.Sorted(maps.Keys(of)), ", ")
}

// Repeat measures each subject as often as is asked for, in turns.
func Repeat[T any](runs int, all []Subject, one func(s Subject, run int) (T, error)) (map[string][]T, error) {
	results := map[string][]T{}
	for run := range runs {
		for _, s := range all {
			result, err := one(s, run)
			if err != nil {
				return nil, fmt.Errorf("measure %s: %w", s.Name, err)
			}
			fmt.Fprintf(os.Stderr, "run %d, %-12s %v\n", run+1, s.Name, result)
			results[s.Name] = append(results[s.Name], result)
		}
	}
	return results, nil
}
