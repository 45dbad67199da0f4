# Sourced by the scripts that measure `rexdrug` on generated corpora. Sets root, bin, generator and work, a folder that goes
# when the script ends; ends the script where the corpus generator is not beside the repository.
root="$(cd "$(dirname "$0")/.." && pwd)"
bin="${REXDRUG_BIN:?set REXDRUG_BIN to the binary to measure}"
generator="$root/../shared/tools/make_medline.py"
if [ ! -f "$generator" ]; then
    echo "skipped: the corpus generator ../shared/tools/make_medline.py is not there"
    exit 0
fi
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
