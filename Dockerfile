# The pipeline on CPU:
#   docker build -t ilscaling . && docker run --rm -v "$PWD/results:/project/results" ilscaling
FROM python:3.11-slim AS development
# Debian keeps one version of a package: a pinned one could not be installed a month later.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends git make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /project

FROM development AS study
ARG PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
COPY pyproject.toml requirements.lock Makefile README.md ./
COPY src src
COPY tools/setup.sh tools/setup.sh
RUN make setup
COPY . .
ENV PATH="/project/.venv/bin:$PATH"
CMD ["snakemake", "--cores", "all"]
