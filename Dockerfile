# The serving image: no torch, no compiler, not root. Build one of two kinds:
#   docker build --build-arg ACCEL=cpu -t softanswer .
#   docker build --build-arg ACCEL=gpu -t softanswer:gpu .      (run with --gpus all)
# Retraining inside the container needs torch: add --build-arg EXTRAS=cpu,train (or gpu,train).
# Run:
#   docker run -e SLACK_BOT_TOKEN -e SLACK_APP_TOKEN -v softanswer-data:/app/data -v ./config:/app/config:ro softanswer

FROM python:3.12-slim-bookworm AS build
ARG ACCEL=cpu
ARG EXTRAS=${ACCEL}
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY bot ./bot
COPY model ./model
COPY training ./training
COPY sandbox ./sandbox
COPY config ./config
RUN python -m venv /opt/softanswer \
    && /opt/softanswer/bin/pip install --no-cache-dir --disable-pip-version-check -c constraints.txt ".[${EXTRAS}]"

FROM python:3.12-slim-bookworm
ENV PATH=/opt/softanswer/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --system --uid 10001 --user-group --home-dir /app softanswer \
    && install -d -o softanswer -g softanswer /app /app/data
COPY --from=build /opt/softanswer /opt/softanswer
COPY --chown=softanswer:softanswer config /app/config
WORKDIR /app
USER 10001:10001
VOLUME ["/app/data"]
EXPOSE 3000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:3000/healthz', timeout=4)"]
ENTRYPOINT ["softanswer"]
CMD ["run"]
