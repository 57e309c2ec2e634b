package e2e

import (
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kohort-dev/kohort/api/v1alpha1"
	"github.com/kohort-dev/kohort/test/e2e/kafka"
	"github.com/kohort-dev/kohort/test/e2e/world"
)

// The consumers of these cases speak to the plain listener: what is tested is the
// operator's own connection.
var _ = Describe("The operator's connection", Serial, func() {
	It("follows a SCRAM password that is changed", func(ctx SpecContext) {
		_, ca, err := kafka.ClientCertificate(ctx, stage.Cluster, "kohort")
		Expect(err).NotTo(HaveOccurred())
		Expect(stage.Kafka.SetPassword(ctx, "kohort", "first")).To(Succeed())
		g := secured(ctx, kafka.SCRAM, map[string]map[string]string{
			"ca": {"ca.crt": string(ca)}, "user": {"username": "kohort", "password": "first"},
		}, v1alpha1.KafkaClusterSpec{
			TLS:  &v1alpha1.KafkaTLS{CA: &v1alpha1.SecretKey{Name: "ca", Key: "ca.crt"}},
			SASL: &v1alpha1.KafkaSASL{Mechanism: "SCRAM-SHA-512", Credentials: v1alpha1.SecretName{Name: "user"}},
		})
		Expect(stage.Kafka.SetPassword(ctx, "kohort", "second")).To(Succeed())
		g.secret(ctx, "user", map[string]string{"username": "kohort", "password": "second"})
		g.survivesBrokers(ctx)
	}, SpecTimeout(8*time.Minute))

	It("follows a client certificate that is changed", func(ctx SpecContext) {
		pair, ca, err := kafka.ClientCertificate(ctx, stage.Cluster, "kohort")
		Expect(err).NotTo(HaveOccurred())
		g := secured(ctx, kafka.Mutual, map[string]map[string]string{
			"ca": {"ca.crt": string(ca)}, "client": {"tls.crt": string(pair.Certificate), "tls.key": string(pair.Key)},
		}, v1alpha1.KafkaClusterSpec{
			TLS: &v1alpha1.KafkaTLS{
				CA: &v1alpha1.SecretKey{Name: "ca", Key: "ca.crt"}, ClientCertificate: &v1alpha1.SecretName{Name: "client"},
			},
		})
		pair, _, err = kafka.ClientCertificate(ctx, stage.Cluster, "kohort-2")
		Expect(err).NotTo(HaveOccurred())
		g.secret(ctx, "client", map[string]string{"tls.crt": string(pair.Certificate), "tls.key": string(pair.Key)})
		g.survivesBrokers(ctx)
	}, SpecTimeout(8*time.Minute))
})

// secured is a group whose KafkaCluster leads to a listener with Secrets.
func secured(ctx SpecContext, listener kafka.Listener, secrets map[string]map[string]string, spec v1alpha1.KafkaClusterSpec) *group {
	GinkgoHelper()
	g := create(ctx, 2, func(cg *v1alpha1.ConsumerGroup) {
		cg.Spec.Kafka.ClusterRef.Name = "secure"
		cg.Spec.Template = world.Consumer{Topic: cg.Namespace, Version: "v1", Change: plain}.Raw()
	})
	for name, data := range secrets {
		g.secret(ctx, name, data)
	}
	spec.BootstrapServers = kafka.Bootstrap(stage.Brokers, listener)
	Expect(stage.Client.Create(ctx, &v1alpha1.KafkaCluster{
		ObjectMeta: metav1.ObjectMeta{Name: "secure", Namespace: g.namespace}, Spec: spec,
	})).To(Succeed())
	g.running(ctx, 2)
	return g
}

// plain has the consumers take the plain listener.
func plain(t *corev1.PodTemplateSpec) {
	c := &t.Spec.Containers[0]
	c.Env = append(c.Env, corev1.EnvVar{
		Name: v1alpha1.EnvBootstrapServers, Value: strings.Join(kafka.Bootstrap(stage.Brokers, kafka.Plaintext), ","),
	})
}

// secret writes a Secret.
func (g *group) secret(ctx SpecContext, name string, data map[string]string) {
	GinkgoHelper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: g.namespace, Name: name}, StringData: data}
	err := stage.Client.Create(ctx, secret)
	if ctrlclient.IgnoreAlreadyExists(err) == nil && err != nil {
		err = stage.Client.Update(ctx, secret)
	}
	Expect(err).NotTo(HaveOccurred())
}

// survivesBrokers looks whether new connections work: a broker that was restarted
// knows none of the old ones.
func (g *group) survivesBrokers(ctx SpecContext) {
	GinkgoHelper()
	g.twice = 3 * commitsEvery
	_, err := stage.Kubectl(ctx, "-n", kafka.Namespace, "rollout", "restart", "statefulset/kafka")
	Expect(err).NotTo(HaveOccurred())
	Expect(kafka.Ready(ctx, stage.Cluster)).To(Succeed())
	g.release(ctx, world.Consumer{Version: "v2", Change: plain})
	g.released(ctx, 2)
}
