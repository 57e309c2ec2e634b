package testbed

import (
	"context"
	"errors"
	"fmt"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
)

// Image says what a container image's name runs on this machine.
type Image struct {
	// Entrypoint is the program, as an absolute path, and its first arguments. A
	// container's command replaces it, its args follow it.
	Entrypoint []string
	// Env are variables that the image sets.
	Env map[string]string
}

// KubeletOptions say how pods are run.
type KubeletOptions struct {
	// Config reaches the API server as an administrator.
	Config *rest.Config
	// Images are the images that exist.
	Images map[string]Image
	// Nodes is the number of nodes; 0 means one.
	Nodes int
	// NodePrefix begins the nodes' names, <prefix>-1 and so on; "" means "node".
	NodePrefix string
	// Namespace restricts it to the pods of one namespace; "" means all.
	Namespace string
	// Delays are added to what it does by itself.
	Delays Delays
	// BackOff is the wait before the second restart of a container and after the
	// first failed pull; it doubles up to MaxBackOff. 0 means 10 s and 5 min.
	BackOff, MaxBackOff time.Duration
	// Dir takes logs and volumes and is kept. "" means a temporary folder, which
	// Stop removes.
	Dir string
}

// Kubelet stands in for the kubelets of all nodes, and for the scheduler.
type Kubelet struct {
	options   KubeletOptions
	temporary bool
	client    kubernetes.Interface
	events    record.EventRecorder
	log       *log.Logger
	logFile   *os.File
	pods      corelisters.PodLister
	nodes     corelisters.NodeLister

	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup
	// schedule wakes the scheduler.
	schedule chan struct{}

	mu      sync.Mutex
	images  map[string]Image
	workers map[types.UID]*podWorker
	// finished are pods whose work is done and whose object may still be seen.
	finished map[types.UID]bool
	// nodeNames are the nodes that are there, nodesMade how many ever were.
	nodeNames []string
	nodesMade int
}

// StartKubelet registers the nodes and begins to run pods. The context bounds the
// start only; Stop ends it.
func StartKubelet(ctx context.Context, options KubeletOptions) (*Kubelet, error) {
	k := &Kubelet{
		options: options, images: maps.Clone(options.Images), schedule: make(chan struct{}, 1),
		workers: map[types.UID]*podWorker{}, finished: map[types.UID]bool{},
	}
	k.setDefaults()
	k.ctx, k.stop = context.WithCancel(context.Background())
	if err := k.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start the kubelet: %w", err), k.Stop())
	}
	return k, nil
}

func (k *Kubelet) setDefaults() {
	o := &k.options
	o.Nodes = max(o.Nodes, 1)
	if o.NodePrefix == "" {
		o.NodePrefix = "node"
	}
	if o.BackOff == 0 {
		o.BackOff = 10 * time.Second
	}
	if o.MaxBackOff == 0 {
		o.MaxBackOff = 5 * time.Minute
	}
	if k.images == nil {
		k.images = map[string]Image{}
	}
}

func (k *Kubelet) start(ctx context.Context) error {
	if err := k.makeFolder(); err != nil {
		return err
	}
	config := rest.CopyConfig(k.options.Config)
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	k.client = client
	broadcaster := record.NewBroadcaster(record.WithContext(k.ctx))
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: client.CoreV1().Events("")})
	k.running.Go(func() {
		<-k.ctx.Done()
		broadcaster.Shutdown()
	})
	k.events = broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "kubelet", Host: k.options.NodePrefix})
	for range k.options.Nodes {
		if err := k.AddNode(ctx); err != nil {
			return err
		}
	}
	if err := k.watch(ctx); err != nil {
		return err
	}
	k.running.Go(k.runScheduler)
	k.running.Go(k.renewLeases)
	return nil
}

func (k *Kubelet) makeFolder() error {
	if k.options.Dir == "" {
		folder, err := os.MkdirTemp("", "kohort-kubelet-")
		if err != nil {
			return fmt.Errorf("make its folder: %w", err)
		}
		k.options.Dir, k.temporary = folder, true
	}
	if err := os.MkdirAll(k.options.Dir, 0o755); err != nil {
		return fmt.Errorf("make its folder: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(k.options.Dir, "kubelet.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("make its log: %w", err)
	}
	k.logFile = file
	k.log = log.New(file, "", log.LstdFlags|log.Lmicroseconds)
	return nil
}

func (k *Kubelet) watch(ctx context.Context) error {
	factory := informers.NewSharedInformerFactory(k.client, 0)
	filtered := informers.NewSharedInformerFactoryWithOptions(k.client, 0, informers.WithNamespace(k.options.Namespace))
	pods, nodes := filtered.Core().V1().Pods(), factory.Core().V1().Nodes()
	k.pods, k.nodes = pods.Lister(), nodes.Lister()
	_, err := pods.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { k.podChanged(object.(*corev1.Pod)) },
		UpdateFunc: func(_, object any) { k.podChanged(object.(*corev1.Pod)) },
		DeleteFunc: func(object any) {
			if unknown, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = unknown.Obj
			}
			k.podDeleted(object.(*corev1.Pod))
		},
	})
	if err != nil {
		return fmt.Errorf("watch pods: %w", err)
	}
	_, err = nodes.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { k.wakeScheduler() },
		UpdateFunc: func(any, any) { k.wakeScheduler() },
	})
	if err != nil {
		return fmt.Errorf("watch nodes: %w", err)
	}
	factory.StartWithContext(k.ctx)
	filtered.StartWithContext(k.ctx)
	k.running.Go(func() {
		<-k.ctx.Done()
		factory.Shutdown()
		filtered.Shutdown()
	})
	if !cache.WaitForCacheSync(ctx.Done(), pods.Informer().HasSynced, nodes.Informer().HasSynced) {
		return fmt.Errorf("list pods and nodes: %w", ctx.Err())
	}
	return nil
}

// podChanged hands a pod to its worker, or to the scheduler.
func (k *Kubelet) podChanged(pod *corev1.Pod) {
	if pod.Spec.NodeName == "" {
		k.wakeScheduler()
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if !slices.Contains(k.nodeNames, pod.Spec.NodeName) || k.finished[pod.UID] || k.ctx.Err() != nil {
		return
	}
	worker := k.workers[pod.UID]
	if worker == nil {
		worker = newPodWorker(k, pod)
		k.workers[pod.UID] = worker
		k.running.Go(func() {
			worker.run(k.ctx)
			k.mu.Lock()
			defer k.mu.Unlock()
			delete(k.workers, worker.uid)
			if !worker.gone {
				k.finished[worker.uid] = true
			}
		})
	}
	worker.setPod(pod)
}

func (k *Kubelet) podDeleted(pod *corev1.Pod) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.finished, pod.UID)
	if worker := k.workers[pod.UID]; worker != nil {
		worker.setGone()
	}
}

// Stop ends all processes, removes the nodes and waits.
func (k *Kubelet) Stop() error {
	k.stop()
	k.running.Wait()
	var errs []error
	if k.client != nil {
		errs = append(errs, k.removeNodes())
	}
	if k.logFile != nil {
		errs = append(errs, k.logFile.Close())
	}
	if k.temporary {
		errs = append(errs, os.RemoveAll(k.options.Dir))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("stop the kubelet: %w", err)
	}
	return nil
}

// SetImage makes an image exist, as a push to the registry does.
func (k *Kubelet) SetImage(name string, image Image) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.images[name] = image
}

func (k *Kubelet) image(name string) (Image, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	image, ok := k.images[name]
	if ok {
		return image, nil
	}
	known := slices.Sorted(maps.Keys(k.images))
	return Image{}, fmt.Errorf("failed to pull image %q: not found; this testbed has %s", name, strings.Join(known, ", "))
}

// Log is the file with what a container has written, all restarts after each
// other.
func (k *Kubelet) Log(namespace, pod, container string) string {
	return filepath.Join(k.options.Dir, "logs", namespace, pod, container+".log")
}

// PID is the process id of a container that runs.
func (k *Kubelet) PID(namespace, pod, container string) (int, bool) {
	for _, worker := range k.workersOf(namespace, pod) {
		if running := worker.process(container); running != nil {
			return running.PID(), true
		}
	}
	return 0, false
}

// Kill ends a container's process and its children with SIGKILL, as a crash or the
// kernel's out-of-memory killer does.
func (k *Kubelet) Kill(namespace, pod, container string) error {
	for _, worker := range k.workersOf(namespace, pod) {
		if running := worker.process(container); running != nil {
			running.Kill()
			return nil
		}
	}
	return fmt.Errorf("kill container %s of pod %s/%s: it does not run", container, namespace, pod)
}

// Signal sends a signal to a container's process.
func (k *Kubelet) Signal(namespace, pod, container string, signal syscall.Signal) error {
	for _, worker := range k.workersOf(namespace, pod) {
		if running := worker.process(container); running != nil {
			return running.Signal(signal)
		}
	}
	return fmt.Errorf("signal container %s of pod %s/%s: it does not run", container, namespace, pod)
}

// Port is where a declared port of a pod is to be found on this machine.
func (k *Kubelet) Port(namespace, pod string, containerPort int32) (int, bool) {
	for _, worker := range k.workersOf(namespace, pod) {
		if port, ok := worker.hostPortOf(containerPort); ok {
			return port, true
		}
	}
	return 0, false
}

// workersOf are those of the pods with a name: one, or two for the moment in which
// a force-deleted pod still ends.
func (k *Kubelet) workersOf(namespace, name string) []*podWorker {
	k.mu.Lock()
	defer k.mu.Unlock()
	var found []*podWorker
	for _, worker := range k.workers {
		if worker.namespace == namespace && worker.name == name {
			found = append(found, worker)
		}
	}
	slices.SortFunc(found, func(a, b *podWorker) int { return b.seenAt.Compare(a.seenAt) })
	return found
}
