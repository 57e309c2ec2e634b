# Two images from one build:
#
#   docker build --target operator -t kohort .
#   docker build --target launcher -t kohort-launcher .
#
# Both hold one static binary and run as a user that may nothing.
ARG GO_VERSION=1.26

FROM golang:${GO_VERSION} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY main.go ./
COPY api api
COPY cmd cmd
COPY controllers controllers
COPY internal internal
ARG TARGETOS TARGETARCH
ENV CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH}
RUN go build -trimpath -ldflags='-s -w' -o /out/manager . && \
    go build -trimpath -ldflags='-s -w' -o /out/kohort-launcher ./cmd/kohort-launcher

# The launcher runs inside the pods of the groups and is copied into them.
FROM scratch AS launcher
COPY --from=build /out/kohort-launcher /kohort-launcher
USER 65532:65532
ENTRYPOINT ["/kohort-launcher"]

FROM scratch AS operator
# The system's certificate authorities, for brokers that are trusted by them.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/manager /manager
USER 65532:65532
ENTRYPOINT ["/manager"]
