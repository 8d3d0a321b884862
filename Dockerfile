# The base install: `iqa assess` with the shipped checkpoint, no torch, no network at run time.
#   docker build -t iqa . && docker run --rm --network none -v "$PWD/DCIM:/photos:ro" iqa assess /photos
# docker/check.sh builds it, tries it out and holds its size against the limit.
FROM python:3.12-slim AS build
COPY . /source
RUN python -m venv /iqa && /iqa/bin/pip install --no-cache-dir --no-compile /source

FROM python:3.12-slim
COPY --from=build /iqa /iqa
# What is remembered of photos: mount a volume here to keep it between runs. Anybody may write to it, so that
# `docker run --user` works, by which files that are made belong to you.
RUN useradd --create-home --uid 1000 iqa && mkdir -m 1777 /cache
ENV PATH=/iqa/bin:$PATH IQA_CACHE_DIR=/cache PYTHONDONTWRITEBYTECODE=1
USER iqa
WORKDIR /photos
ENTRYPOINT ["iqa"]
CMD ["--help"]
