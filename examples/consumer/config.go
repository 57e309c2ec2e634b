package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The ways to misbehave. They are what a release has to survive.
const (
	// behaveWell is to do one's work.
	behaveWell = ""
	// behaveSlow processes at a tenth of the rate.
	behaveSlow = "slow"
	// behaveStalled joins, polls and sends heartbeats, and processes nothing: the
	// group looks healthy and its lag grows.
	behaveStalled = "stalled"
	// behaveCrash ends with 1 soon after the start.
	behaveCrash = "crash"
	// behaveNeverJoins runs and is ready, but is no member of the group.
	behaveNeverJoins = "never-joins"
	// behaveHungry takes ever more memory.
	behaveHungry = "hungry"
	// behaveIgnoresSIGTERM goes on until it is killed.
	behaveIgnoresSIGTERM = "ignores-sigterm"
	// behaveUnclean closes without a word to the group (KAFKA_GROUP_PROTOCOL consumer).
	behaveUnclean = "unclean"
	// behaveOwnAssignor shares the partitions by an assignor of its own that is called
	// range as well.
	behaveOwnAssignor = "own-assignor"
)

var behaviours = []string{behaveWell, behaveSlow, behaveStalled, behaveCrash, behaveNeverJoins, behaveHungry, behaveIgnoresSIGTERM, behaveUnclean, behaveOwnAssignor}

// config is what the environment asks for.
type config struct {
	// What Kohort injects.
	bootstrap  []string
	group      string
	instanceID string // "" for a dynamic member
	consumers  int    // members in this process; 0: one, with the id as it is
	session    time.Duration
	heartbeat  time.Duration
	kip848     bool // the broker shares the partitions, and has the timeouts

	// What a template says.
	topics         []string
	rate           float64 // records per second and consumer, 0 for no limit
	commitInterval time.Duration
	version        string
	startDelay     time.Duration
	startFile      string // "" for none
	healthPort     int    // 0 for none
	behaviour      string
	logRecords     bool
}

// environment reads variables and gathers what is wrong with them, so that one
// start tells of every mistake.
type environment struct {
	get  func(string) string
	errs []error
}

func parseConfig(get func(string) string) (config, error) {
	get, err := withFile(get)
	if err != nil {
		return config{}, err
	}
	env := environment{get: get}
	c := config{
		bootstrap:      env.list("KAFKA_BOOTSTRAP_SERVERS"),
		group:          env.required("KAFKA_GROUP_ID"),
		instanceID:     get("KAFKA_GROUP_INSTANCE_ID"),
		consumers:      env.whole("CONSUMERS", 100),
		session:        env.milliseconds("KAFKA_SESSION_TIMEOUT_MS", 45*time.Second),
		heartbeat:      env.milliseconds("KAFKA_HEARTBEAT_INTERVAL_MS", 3*time.Second),
		kip848:         env.protocol("KAFKA_GROUP_PROTOCOL"),
		topics:         env.list("TOPICS"),
		rate:           env.number("RATE", 0),
		commitInterval: env.milliseconds("COMMIT_INTERVAL_MS", time.Second),
		version:        get("VERSION"),
		startDelay:     env.milliseconds("START_DELAY_MS", 0),
		startFile:      get("START_FILE"),
		healthPort:     int(env.number("HEALTH_PORT", 0)),
		behaviour:      get("BEHAVIOUR"),
		logRecords:     get("LOG_RECORDS") == "1",
	}
	if !slices.Contains(behaviours, c.behaviour) {
		env.errs = append(env.errs, fmt.Errorf("BEHAVIOUR is %q: it must be unset or one of %s", c.behaviour, strings.Join(behaviours[1:], ", ")))
	}
	if c.commitInterval <= 0 {
		env.errs = append(env.errs, errors.New("COMMIT_INTERVAL_MS is 0: it must be at least 1"))
	}
	if c.behaviour == behaveSlow {
		c.rate /= 10
		if c.rate == 0 {
			c.rate = 10
		}
	}
	return c, errors.Join(env.errs...)
}

// instanceIDs are those of the members in this process. As consumer.consumersPerPod
// demands, each appends its number to the id of the process.
func (c config) instanceIDs() []string {
	if c.consumers == 0 || c.instanceID == "" {
		return slices.Repeat([]string{c.instanceID}, max(1, c.consumers))
	}
	var ids []string
	for n := range c.consumers {
		ids = append(ids, fmt.Sprintf("%s-%d", c.instanceID, n))
	}
	return ids
}

func (e *environment) required(name string) string {
	value := e.get(name)
	if value == "" {
		e.errs = append(e.errs, fmt.Errorf("%s is not set", name))
	}
	return value
}

// protocol says whether it is that of KIP-848.
func (e *environment) protocol(name string) bool {
	switch value := strings.ToLower(e.get(name)); value {
	case "", "classic":
		return false
	case "consumer":
		return true
	default:
		e.errs = append(e.errs, fmt.Errorf("%s is %q: it must be classic or consumer", name, value))
		return false
	}
}

func (e *environment) list(name string) []string {
	values := strings.FieldsFunc(e.required(name), func(r rune) bool { return r == ',' || r == ' ' })
	slices.Sort(values)
	return slices.Compact(values)
}

func (e *environment) number(name string, otherwise float64) float64 {
	text := e.get(name)
	if text == "" {
		return otherwise
	}
	value, err := strconv.ParseFloat(text, 64)
	// "not at least 0" also catches NaN.
	if err != nil || !(value >= 0) || value > 1e9 {
		e.errs = append(e.errs, fmt.Errorf("%s is %q: it must be a number from 0 to 1000000000", name, text))
	}
	return value
}

// whole is a number without a fraction; 0 unless set.
func (e *environment) whole(name string, most int) int {
	text := e.get(name)
	if text == "" {
		return 0
	}
	value, err := strconv.Atoi(text)
	if err != nil || value < 1 || value > most {
		e.errs = append(e.errs, fmt.Errorf("%s is %q: it must be a number from 1 to %d", name, text, most))
	}
	return value
}

func (e *environment) milliseconds(name string, otherwise time.Duration) time.Duration {
	return time.Duration(e.number(name, float64(otherwise.Milliseconds())) * float64(time.Millisecond))
}
