# The image of keyturn: its own code and production dependencies on Node, without a shell, for a user without
# rights on a read-only root file system. Probes are Kubernetes' own, so there is no HEALTHCHECK.
#
# A release pins its bases:
#   docker build --build-arg BUILD_DIGEST=sha256:… --build-arg RUNTIME_DIGEST=sha256:… \
#     --build-arg VERSION=1.0.0 --build-arg REVISION="$(git rev-parse HEAD)" \
#     --build-arg CREATED="$(git log -1 --format=%cI)" -t keyturn:1.0.0 .
ARG BUILD_IMAGE=docker.io/library/node:24-bookworm-slim
ARG BUILD_DIGEST=
ARG RUNTIME_IMAGE=gcr.io/distroless/nodejs24-debian12:nonroot
ARG RUNTIME_DIGEST=

FROM ${BUILD_IMAGE}${BUILD_DIGEST:+@${BUILD_DIGEST}} AS packages
WORKDIR /app
COPY package.json package-lock.json ./
# What the lock file names is taken as it is there, by its integrity. Not `npm ci`: that refuses a lock file without
# the optional builds for platforms that nobody runs this on. No package needs its install script, so none is run.
# TypeScript is for development, but also an optional peer of an optional package, so that npm does not omit it.
RUN npm install --no-save --omit=dev --ignore-scripts --no-audit --no-fund \
    && rm -rf node_modules/typescript node_modules/@typescript node_modules/.bin/tsc

FROM packages AS build
RUN npm install --no-save --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build

FROM ${RUNTIME_IMAGE}${RUNTIME_DIGEST:+@${RUNTIME_DIGEST}}
ARG RUNTIME_IMAGE
ARG RUNTIME_DIGEST
ARG VERSION=dev
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="keyturn" \
      org.opencontainers.image.description="Brings every ciphertext of a store under a new KMS key version, and proves it." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${RUNTIME_IMAGE}" \
      org.opencontainers.image.base.digest="${RUNTIME_DIGEST}"
ENV NODE_ENV=production
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE ./
# By number: Kubernetes cannot tell from a name that it is not root.
USER 65532:65532
ENTRYPOINT ["/nodejs/bin/node", "/app/dist/cli/main.js"]
CMD ["--help"]
