package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// config is what the environment asks for.
type config struct {
	bootstrap []string
	topics    []string
	// rate is in records per second and topic.
	rate float64
	// rateFile overrides rate for as long as it says a rate; "" for none.
	rateFile string
	// burst is how many records each topic gets at the start, signalBurst how many
	// at SIGUSR1.
	burst, signalBurst int
	// createPartitions is how many partitions a missing topic gets; 0 to make none.
	createPartitions int32
}

func parseConfig(get func(string) string) (config, error) {
	var errs []error
	list := func(name string) []string {
		values := strings.FieldsFunc(get(name), func(r rune) bool { return r == ',' || r == ' ' })
		if len(values) == 0 {
			errs = append(errs, fmt.Errorf("%s is not set", name))
		}
		slices.Sort(values)
		return slices.Compact(values)
	}
	count := func(name string, otherwise int) int {
		if get(name) == "" {
			return otherwise
		}
		value, err := strconv.ParseUint(get(name), 10, 31)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s is %q: it must be a whole number, 0 or more", name, get(name)))
		}
		return int(value)
	}
	c := config{
		bootstrap:        list("KAFKA_BOOTSTRAP_SERVERS"),
		topics:           list("TOPICS"),
		rateFile:         get("RATE_FILE"),
		burst:            count("BURST", 0),
		signalBurst:      count("BURST_RECORDS", 10000),
		createPartitions: int32(count("CREATE_PARTITIONS", 0)),
	}
	if text := get("RATE"); text != "" {
		rate, err := parseRate(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("RATE: %w", err))
		}
		c.rate = rate
	}
	return c, errors.Join(errs...)
}

func parseRate(text string) (float64, error) {
	rate, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	// "not at least 0" also catches NaN.
	if err != nil || !(rate >= 0) || rate > 1e6 {
		return 0, fmt.Errorf("%q is no rate: it must be a number of records per second, from 0 to 1000000", text)
	}
	return rate, nil
}
