#!/bin/bash
# build.sh: makes the programs, the cluster's images and the node image. What is
# there already is kept: remove a program from $KINDLAB/bin, or the image
# kindlab/rootfs, to have it made anew. Needs the engine up.
set -eu
. "$(dirname "$0")/env.sh"
mkdir -p "$KINDLAB"/{bin,ctx}
export CGO_ENABLED=0
v=component-base/version
minor=${KUBE_VERSION#v1.}
ldflags="-s -w -X k8s.io/$v.gitVersion=$KUBE_VERSION -X k8s.io/$v.gitMajor=1 -X k8s.io/$v.gitMinor=${minor%%.*}"
bin=$KINDLAB/bin

step() { # NAME COMMAND...: says how long the command took
  local name=$1 from=$SECONDS; shift
  "$@"
  echo "$name: $((SECONDS - from)) s"
}
gobuild() { # PROGRAM FOLDER
  [ -x "$bin/$1" ] || (cd "$here" && nice -n 10 go build -trimpath -ldflags "$ldflags" -o "$bin/$1" "./$2")
}

programs() {
  gobuild kube kube
  gobuild coredns dns
  gobuild pause pause
  ln -sf kube "$bin/kubectl"
}

rootfs() { # kindlab/rootfs: Debian with systemd, containerd, runc and the CNI plugins
  docker image inspect kindlab/rootfs >/dev/null 2>&1 && return
  local dir=$KINDLAB/rootfs mirror
  mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | head -1)
  if [ ! -e "$dir/.done" ]; then
    rm -rf "$dir"
    nice -n 10 debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,containerd,runc,containernetworking-plugins,conntrack,iptables,iproute2,ethtool,mount,kmod,procps,ca-certificates,socat \
      "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$dir" "$mirror" >"$KINDLAB/log/debootstrap.log"
    touch "$dir/.done"
  fi
  tar -C "$dir" --exclude='./var/cache/apt/*' --exclude='./var/lib/apt/lists/*' --exclude='./usr/share/doc/*' \
    --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' --exclude='./dev/*' -c . |
    docker import - kindlab/rootfs >/dev/null
}

image() { # TAG DOCKERFILE-FOLDER FILE...: builds with these files as the context
  local tag=$1 from=$2 ctx; shift 2
  ctx=$(mktemp -d "$KINDLAB/ctx/XXXXXX")
  cp -r "$from/." "$ctx/"
  [ $# -eq 0 ] || cp -L "$@" "$ctx/"
  docker build -q --network none -t "$tag" "$ctx" >/dev/null
  rm -rf "$ctx"
}

components() { # the control plane's images, under the names kubeadm looks for
  image kindlab/kube "$here/images/kube" "$bin/kube"
  image kindlab/coredns "$here/images/coredns" "$bin/coredns"
  image kindlab/pause "$here/images/pause" "$bin/pause"
  local name
  "$bin/kube" kubeadm config images list --kubernetes-version "$KUBE_VERSION" >"$KINDLAB/images.txt" 2>/dev/null
  while read -r name; do
    case $name in
      */coredns:*) docker tag kindlab/coredns "$name" ;;
      */pause:*) docker tag kindlab/pause "$name"; pause=$name ;;
      *) docker tag kindlab/kube "$name" ;;
    esac
  done <"$KINDLAB/images.txt"
}

node() { # $KIND_NODE_IMAGE
  local ctx=$KINDLAB/ctx/node id
  rm -rf "$ctx"
  cp -r "$here/node" "$ctx"
  cp "$bin/kube" "$ctx/"
  sed -i "s#@PAUSE@#$pause#" "$ctx/files/etc/containerd/config.toml"
  echo "$KUBE_VERSION" >"$ctx/files/kind/version"
  docker build -q --network none -t kindlab/node-base "$ctx" >/dev/null
  rm -rf "$ctx"

  # the images go into the content store of the node's containerd; unpacking
  # waits for the first start, when /var is a volume and no overlay
  id=$(docker run -d --privileged --network none --entrypoint sleep kindlab/node-base infinity)
  docker exec -d "$id" containerd
  for _ in $(seq 50); do docker exec "$id" ctr version >/dev/null 2>&1 && break; sleep 0.2; done
  # shellcheck disable=SC2046
  docker save $(cat "$KINDLAB/images.txt") |
    docker exec -i "$id" ctr -n k8s.io images import --all-platforms --no-unpack --digests - >/dev/null
  docker exec "$id" sh -c 'kill $(pidof containerd); sleep 1; rm -rf /run/containerd'
  docker commit --change 'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]' "$id" "$KIND_NODE_IMAGE" >/dev/null
  docker rm -f -v "$id" >/dev/null
  docker image prune -f >/dev/null
}

step programs programs
step rootfs rootfs
step components components
step node node
docker images --format '{{.Repository}}:{{.Tag}} {{.Size}}' "${KIND_NODE_IMAGE%%:*}"
