# The worker. It talks to a Temporal and a Postgres of yours; the embedded servers of `make dev`
# are not in it, nor are the tools of development.

FROM python:3.11.14-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/holdfast/venv
ENV PATH=/opt/holdfast/venv/bin:$PATH
# Changes seldom, so it has a layer of its own.
COPY requirements/worker.txt /src/requirements.txt
RUN pip install --require-hashes --requirement /src/requirements.txt
# Everything the client needs is installed, its build backend too: no index is asked.
COPY client /src/client
RUN pip install --no-build-isolation --no-deps --no-index /src/client

FROM python:3.11.14-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin holdfast
COPY --from=build /opt/holdfast/venv /opt/holdfast/venv
WORKDIR /opt/holdfast/app
COPY activities activities
COPY workflows workflows
COPY worker worker
ENV PATH=/opt/holdfast/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
# SIGTERM, which `docker stop` sends, lets the calls that have begun finish.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=15s --start-period=60s --retries=3 \
  CMD ["python", "-m", "worker", "health"]
ENTRYPOINT ["python", "-m", "worker"]
