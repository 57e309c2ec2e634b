package e2e

import (
	"os"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("The README's quick start", Label("smoke"), Serial, func() {
	It("works as it is written", func(ctx SpecContext) {
		commands := quickStart()
		DeferCleanup(func(ctx SpecContext) {
			_, err := stage.Kubectl(ctx, "delete", "--ignore-not-found", "-k", "config/samples/quickstart")
			Expect(err).NotTo(HaveOccurred())
		})
		var last string
		for _, command := range commands {
			var err error
			last, err = stage.Kubectl(ctx, strings.Fields(command)[1:]...)
			Expect(err).NotTo(HaveOccurred())
		}
		Expect(last).To(MatchRegexp(`orders +Running +3 +3 `), "what the last command prints")
	}, SpecTimeout(6*time.Minute))
})

// quickStart are the commands of the README's first block with kubectl in it. What
// comes before them, the cluster and the images, is there.
func quickStart() (commands []string) {
	GinkgoHelper()
	text, err := os.ReadFile("../../README.md")
	Expect(err).NotTo(HaveOccurred())
	_, section, _ := strings.Cut(string(text), "## On a cluster\n")
	for line := range strings.Lines(section) {
		command, isCode := strings.CutPrefix(line, "    ")
		switch {
		case isCode && strings.HasPrefix(command, "kubectl "):
			commands = append(commands, strings.TrimSpace(command))
		case !isCode && len(commands) > 0:
			return commands
		}
	}
	Fail("the README has no quick start")
	return nil
}
