# The predictor and, as target `client`, the command line. Nothing is compiled or fetched when a container starts.
ARG PYTHON=python:3.13-slim

FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /source
COPY requirements/build.txt requirements/
RUN python -m venv /build && /build/bin/pip install --quiet --require-hashes -r requirements/build.txt

FROM build AS build-client
COPY requirements/client.txt requirements/
RUN python -m venv --without-pip /opt/venv \
 && /build/bin/pip --python /opt/venv/bin/python install --quiet --require-hashes --no-deps -r requirements/client.txt \
 && find /opt/venv -type d -name tests -path '*/site-packages/*' -prune -exec rm -rf {} +
COPY VERSION VERSION
COPY client client
RUN /build/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels ./client \
 && /build/bin/pip --python /opt/venv/bin/python install --quiet --no-deps /wheels/*.whl \
 && /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/venv/lib

FROM ${PYTHON} AS client
LABEL org.opencontainers.image.title="stream-filters-client" \
      org.opencontainers.image.description="Client of streaming Bayesian filters behind the v2 inference protocol" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
COPY --from=build-client /opt/venv /opt/venv
USER 10001:10001
WORKDIR /tmp
ENTRYPOINT ["stream-filters"]
CMD ["--help"]

FROM build AS build-predictor
COPY requirements/predictor.txt requirements/
RUN python -m venv --without-pip /opt/venv \
 && /build/bin/pip --python /opt/venv/bin/python install --quiet --require-hashes --no-deps -r requirements/predictor.txt \
 # what these packages test themselves with
 && find /opt/venv -type d -name tests -path '*/site-packages/*' -prune -exec rm -rf {} +
COPY VERSION VERSION
COPY predictor predictor
RUN /build/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels ./predictor \
 && /build/bin/pip --python /opt/venv/bin/python install --quiet --no-deps /wheels/*.whl \
 && /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/venv/lib
COPY deploy/entrypoint deploy/health /opt/stream-filters/bin/
RUN ln -s health /opt/stream-filters/bin/stream-filters-health \
 && PATH=/opt/venv/bin:$PATH /opt/stream-filters/bin/entrypoint --warm

FROM ${PYTHON} AS predictor
LABEL org.opencontainers.image.title="stream-filters" \
      org.opencontainers.image.description="Streaming Bayesian filters served by KServe" \
      org.opencontainers.image.licenses="Apache-2.0"
# One thread for BLAS: the predictor has its own threads, and would else start one more for each core of the node.
ENV PATH=/opt/venv/bin:/opt/stream-filters/bin:$PATH \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    OPENBLAS_NUM_THREADS=1 \
    NUMBA_CACHE_DIR=/tmp/stream-filters-kernels
COPY --from=build-predictor /opt/venv /opt/venv
COPY --from=build-predictor /opt/stream-filters /opt/stream-filters
USER 10001:10001
WORKDIR /tmp
EXPOSE 8080 8081
HEALTHCHECK --interval=5s --timeout=4s --start-period=60s --retries=3 CMD ["stream-filters-health"]
ENTRYPOINT ["entrypoint"]
