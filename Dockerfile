# The image holds one static binary and the certificate authorities that it
# trusts: no shell, no package manager, no compiler.
#
#   docker build --build-arg VERSION=1.2.3 --tag leadrelay:1.2.3 .
#
# To try it, with all addresses on this machine alone:
#
#   docker run --rm -it --network host leadrelay:1.2.3 demo

# The compiler runs on the building machine and makes a binary for the target.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
ARG TARGETOS
ARG TARGETARCH
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build \
      -trimpath -buildvcs=false -ldflags "-s -w -X main.release=$VERSION" \
      -o /out/leadrelay ./cmd/leadrelay
# The bundle may be a symbolic link, so it is copied as a file. The last stage
# has no mkdir, so the volume's folder is made here.
RUN cp -L /etc/ssl/certs/ca-certificates.crt /out/ca-certificates.crt && \
    mkdir /out/volume && \
    mkdir -m 0700 /out/volume/data

FROM scratch
ARG VERSION=dev
LABEL org.opencontainers.image.title="leadrelay" \
      org.opencontainers.image.description="Carries property inquiries from web pages to EasyBroker, every one, once." \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /out/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=65532:65532 /out/volume/ /
COPY --from=build /out/leadrelay /leadrelay

# The time zones are inside the binary. The operator's door keeps its default,
# the loopback address, so it can not be reached from outside the container. The
# demo keeps its database in TMPDIR, and there is no other folder to write to.
ENV LEADRELAY_DATABASE=/data/leadrelay.db TMPDIR=/data
USER 65532:65532
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["/leadrelay", "healthcheck"]
ENTRYPOINT ["/leadrelay"]
CMD ["serve"]
