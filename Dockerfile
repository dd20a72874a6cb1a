# The image: the exporter, git, and nothing else: no shell, no package manager, no base image to pull, nothing downloaded.
#
#   make image        # make build, packaging/rootfs, docker build
#
# It runs as nobody in particular, needs no capability and writes nothing: --read-only --cap-drop=ALL
# --security-opt=no-new-privileges. docs/image.md tells what to mount and what it can see.
FROM scratch
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="catalyst_exporter" \
      org.opencontainers.image.description="The Prometheus exporter of production readiness" \
      org.opencontainers.image.source="https://github.com/thenexusengine/catalyst_exporter" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY dist/rootfs/ /
USER 65532:65532
WORKDIR /deployment
EXPOSE 10460
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s --retries=3 CMD ["/catalyst_exporter", "healthy"]
ENTRYPOINT ["/catalyst_exporter"]
CMD ["serve", "--deployment.root=/deployment", "--web.listen-address=:10460"]
