# The gateway and nothing else. The last stage is empty (scratch): the program is
# static, brings its own time zone data (-tags timetzdata) and needs only the CA
# certificates to speak TLS to the vendors. No shell, no package to patch.
# Where no engine runs, `make image` builds the same (tools/image), and a test compares the two.
# The compiler runs as what the builder is and makes what the target is: no emulation.
FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
WORKDIR /src
# Modules first: they change less often than the code.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
ARG TARGETOS=linux
ARG TARGETARCH
RUN CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} go build -buildvcs=false -trimpath -tags timetzdata \
      -ldflags "-s -w -X main.version=${VERSION}" -o /out/sttgate ./cmd/sttgate \
    && mkdir /out/data

FROM scratch
ARG VERSION=dev
ARG REVISION=
LABEL org.opencontainers.image.title="sttgate" \
      org.opencontainers.image.description="A gateway for cloud speech-to-text that holds each user to a budget" \
      org.opencontainers.image.source="https://github.com/sttgate/sttgate" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/sttgate /sttgate
# The ledger: whoever mounts a volume here must let uid 65532 write to it.
COPY --from=build --chown=65532:65532 /out/data /data
VOLUME /data
# Clients reach the data listener from outside. The admin listener stays on
# loopback until it is given a token: STTGATE_ADMIN_LISTEN=0.0.0.0:9090 and
# STTGATE_ADMIN_TOKEN=file:/run/secrets/… or the gateway refuses to start.
ENV STTGATE_LISTEN=0.0.0.0:8080 \
    STTGATE_LEDGER_PATH=/data
EXPOSE 8080 9090
# By number: there is no /etc/passwd to look a name up in.
USER 65532:65532
# --live, not ready: a draining gateway is not ready, and whoever replaces
# unhealthy containers must not cut the streams that the drain protects.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/sttgate", "healthcheck", "--live"]
ENTRYPOINT ["/sttgate"]
CMD ["serve"]
