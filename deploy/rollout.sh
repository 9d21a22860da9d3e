#!/bin/sh
# Puts a release into service on this machine, and takes it out again by itself when it does not become healthy.
#
#   rollout.sh RELEASE --root DIR --config FILE --health URL --restart COMMAND [--deadline SECONDS] [--notify-file FILE]
#
# RELEASE is a folder with bin/sallyport. DIR/current is the link that the service runs from. The release has to accept the
# configuration before anything changes. Then the link is switched, COMMAND run, and URL (/readyz of the operations
# listener) asked until another process than before answers 200 or SECONDS (default 90) have passed; in that case the link goes
# back and COMMAND is run again. Seconds in which the old process drains do not count, at most an hour of them. With a COMMAND that hands
# over by SIGUSR2, SECONDS has to be more than the minute that the old process gives the new one. FILE holds the address of a webhook of Slack or Discord, a secret: it is told how it ended.
#
# Ends with 0 when the release serves, 1 when the old one does, 2 when neither does, 64 for wrong usage.
set -eu

usage() {
  sed -n '3,13s/^# \{0,1\}//p' "$0" >&2
  exit 64
}

[ $# -ge 1 ] || usage
release=$1
shift
root='' config='' health='' restart='' deadline=90 notify_file=''
while [ $# -ge 2 ]; do
  case $1 in
    --root) root=$2 ;;
    --config) config=$2 ;;
    --health) health=$2 ;;
    --restart) restart=$2 ;;
    --deadline) deadline=$2 ;;
    --notify-file) notify_file=$2 ;;
    *) usage ;;
  esac
  shift 2
done
[ $# -eq 0 ] && [ -n "$root" ] && [ -n "$config" ] && [ -n "$health" ] && [ -n "$restart" ] || usage
case $deadline in '' | *[!0-9]*) usage ;; esac

# Says it here and to the webhook. A notice that cannot be sent must not change how a rollout ends.
tell() {
  echo "$1"
  [ -n "$notify_file" ] || return 0
  # The address is a secret: it goes in by standard input, because arguments are seen by every user of the machine.
  text=$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')
  printf 'url = "%s"\n' "$(cat "$notify_file")" |
    curl --silent --show-error --fail --max-time 10 --output /dev/null --config - \
      --header 'content-type: application/json' --data "{\"content\":\"$text\",\"text\":\"$text\"}" ||
    echo 'the notice could not be sent' >&2
}

# One rename: there is no moment without a link.
switch_to() {
  ln -sfn "$1" "$root/current.next"
  mv -T "$root/current.next" "$root/current"
}

# Asks once: `started` is when the process was started that answers and is ready, empty when none is; `draining` is 1 while the old
# one finishes what it has; `seen` is the answer for people. One connection asks for both, so that both are of one process.
look() {
  answer=$(curl --silent --max-time 2 --write-out '\nstatus %{http_code}\n' "$health" "${health%/*}/metrics") || true
  status=$(printf '%s\n' "$answer" | sed -n 's/^status //p' | head -n 1)
  seen=$(printf '%s\n' "$answer" | sed -n '/^status /q;/./p' | tr '\n' ' ' | cut -c 1-200)
  case $status in
    '' | 000) status='' seen='no answer' ;;
    *) seen="status $status, ${seen% }" ;;
  esac
  started='' draining=$(printf '%s\n' "$answer" | sed -n 's/^sallyport_draining //p')
  [ "$status" != 200 ] || started=$(printf '%s\n' "$answer" | sed -n 's/^process_start_time_seconds[^ ]* //p')
}

# A restart that hands over leaves the old process as it is when the new one fails: ready is not enough, it has to be another one.
is_healthy() {
  left=$deadline drained=0
  while [ "$left" -gt 0 ]; do
    look
    [ -n "$started" ] && [ "$started" != "$before" ] && return 0
    if [ "$draining" = 1 ] && [ "$drained" -lt 3600 ]; then drained=$((drained + 1)); else left=$((left - 1)); fi
    sleep 1
  done
  [ -z "$started" ] || seen="$seen, by the process from before"
  echo "nothing else came within $deadline s; last seen at $health: $seen" >&2
  return 1
}

restart() {
  sh -c "$restart" && return 0
  seen='the restart failed'
  return 1
}

name=$(basename "$release")
if ! "$release/bin/sallyport" check -c "$config"; then
  tell "sallyport $name does not accept the configuration; nothing was changed"
  exit 1
fi
previous=$(readlink "$root/current" || true)

look
original=$started before=$started
switch_to "$release"
if restart && is_healthy; then
  tell "sallyport $name is in service"
  exit 0
fi
if [ -z "$previous" ]; then
  tell "sallyport $name does not become healthy ($seen), and there is no release to go back to"
  exit 2
fi
last=$seen
look
before=$started
switch_to "$previous"
# A process that never left is in service already, whether or not it has a successor of its kind.
if restart && { is_healthy || [ "$started" = "${original:-none}" ]; }; then
  tell "sallyport $name did not become healthy ($last); $(basename "$previous") is in service again"
  exit 1
fi
tell "sallyport $name did not become healthy ($last), and neither did $(basename "$previous") ($seen)"
exit 2
