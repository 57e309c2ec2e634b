# Sourced by the other scripts: where everything is kept, and what is built.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
KINDLAB=${KINDLAB:-${XDG_CACHE_HOME:-$HOME/.cache}/kindlab}
KUBE_VERSION=${KUBE_VERSION:-v1.36.3}
export KIND_NODE_IMAGE=${KIND_NODE_IMAGE:-kindlab/node:$KUBE_VERSION}
export DOCKER_HOST=unix://$KINDLAB/run/docker.sock
export DOCKER_BUILDKIT=0
export PATH=$KINDLAB/bin:$PATH
