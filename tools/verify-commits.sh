#!/bin/sh
# Fails when a commit of a range has no good signature: `sh tools/verify-commits.sh [RANGE]`, by default everything that
# main does not have yet. Keys come from git's own configuration: a GnuPG keyring, or gpg.ssh.allowedSignersFile.
set -eu

range="${1:-main..HEAD}"
commits=$(git rev-list --reverse "$range")
bad=0
for commit in $commits; do
  if ! git verify-commit "$commit" >/dev/null 2>&1; then
    echo "no good signature: $(git log -1 --format='%h %an: %s' "$commit")" >&2
    bad=$((bad + 1))
  fi
done
if [ "$bad" -gt 0 ]; then
  echo "$bad of $(echo "$commits" | wc -l) commits are not signed by somebody we know" >&2
  exit 1
fi
