#!/usr/bin/env bash
# Says which shared libraries are missing and the one line that installs them; with --install, installs them.
set -euo pipefail

missing=()
# Asked once and kept: a pipe into `grep -q` ends early, and now and then reports the library it has found as missing.
libraries=$(ldconfig -p 2>/dev/null || true)
has() { grep -q "$1" <<<"$libraries"; }

has 'libOSMesa\.so' || has 'libEGL\.so' || missing+=(libosmesa6)
has 'libGL\.so\.1' || missing+=(libgl1)
has 'libgomp\.so\.1' || missing+=(libgomp1)
has 'libusb-1\.0\.so' || missing+=(libusb-1.0-0)
python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)

[ ${#missing[@]} -eq 0 ] && exit 0
if [ "${1:-}" = --install ]; then
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}"
  exit
fi
echo "h2s2r: system libraries are missing: ${missing[*]}" >&2
echo "       sudo apt-get install -y ${missing[*]}" >&2
exit 2
