#!/usr/bin/env bash
# Builds the image, holds its size against the limit, and lets it judge a drawn photo without a network.
# Exit codes: 0 all is well, 1 it is not, 77 there is no container engine here, so nothing is known.
set -euo pipefail
cd "$(dirname "$0")/.."

limit_mb=600
for engine in docker podman; do
  if command -v "$engine" >/dev/null && "$engine" info >/dev/null 2>&1; then
    break
  fi
  engine=
done
if [[ -z $engine ]]; then
  echo "neither docker nor podman works here: the image was not built" >&2
  exit 77
fi

"$engine" build --tag iqa:check .
size_mb=$(($("$engine" image inspect --format '{{.Size}}' iqa:check) / 1000000))
echo "the image takes $size_mb MB; the limit is $limit_mb"
((size_mb < limit_mb))
[[ $("$engine" run --rm --entrypoint id iqa:check -u) != 0 ]]

photos=$(mktemp -d)
trap 'rm -rf "$photos"' EXIT
chmod 755 "$photos"
"$engine" run --rm --entrypoint python iqa:check -c '
import sys
from PIL import Image
Image.effect_mandelbrot((640, 480), (-2, -1.2, 1, 1.2), 90).convert("RGB").save(sys.stdout.buffer, "JPEG")
' >"$photos/drawn.jpg"
"$engine" run --rm --network none iqa:check doctor
"$engine" run --rm --network none --read-only --volume "$photos:/photos:ro" iqa:check assess /photos --no-cache --csv -
