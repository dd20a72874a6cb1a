# The image contains only the exporter and git: no shell, no package manager, no base image. The build downloads nothing.
#
#   make image        # make build, packaging/rootfs, docker build
#
# It runs as an unprivileged user, needs no capabilities and writes nothing: --read-only --cap-drop=ALL
# --security-opt=no-new-privileges. For the mounts that each item needs, see docs/image.md.
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
