#!/bin/sh
# Installs the Debian programs that the tests drive: `npm run setup:system`. With `--check` it only looks.
#
# Quick and offline when nothing is missing. As root it installs what is missing, and nothing that it installs starts a
# service. As anybody else it names what is missing, prints the command, and ends with 1.
set -eu

# program:package. nginx and haproxy stand in front of and behind the gateway; wrk and slowhttptest load and attack it;
# chromium shows what a browser makes of its answers; openssl makes certificates; ps shows what a process holds; ip makes other hosts; curl is a
# client that others wrote; gpg signs; systemd-analyze judges units; bwrap and setpriv run programs as a unit or an image says, strace
# says what they ask of the kernel, scmp_sys_resolver what its calls are called, perl has the sockets that Node lacks.
# h2load speaks HTTP/2. redis-server and PostgreSQL (pg_createcluster comes with it) are what checks of services ask; tests start their own. nginx and Apache with ModSecurity are what the firewall is measured beside (apache2-bin is the server
# without a service). aiosmtpd takes mails that are sent to people.
programs='
nginx:nginx
haproxy:haproxy
wrk:wrk
slowhttptest:slowhttptest
chromium:chromium
openssl:openssl
ps:procps
ip:iproute2
curl:curl
nghttp:nghttp2-client
git:git
gpg:gnupg
systemd-analyze:systemd
bwrap:bubblewrap
setpriv:util-linux
prlimit:util-linux
strace:strace
scmp_sys_resolver:seccomp
perl:perl-base
h2load:nghttp2-client
apache2:apache2-bin
promtool:prometheus
redis-server:redis-server
pg_createcluster:postgresql
'

# file:package, for what is no program.
modules='
/usr/lib/apache2/modules/mod_security2.so:libapache2-mod-security2
/usr/lib/nginx/modules/ngx_http_modsecurity_module.so:libnginx-mod-http-modsecurity
/usr/lib/python3/dist-packages/aiosmtpd/smtp.py:python3-aiosmtpd
'

# Daemons live in /usr/sbin, which is not on everybody's path.
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

missing=''
for pair in $programs; do
  command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
done
for pair in $modules; do
  [ -f "${pair%%:*}" ] || missing="$missing ${pair#*:}"
done

if [ -z "$missing" ]; then
  exit 0
fi

install="apt-get update && apt-get install -y --no-install-recommends$missing"
if [ "${1:-}" = '--check' ]; then
  echo "missing:$missing" >&2
  echo "as root: npm run setup:system" >&2
  exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "missing:$missing" >&2
  echo "run \`npm run setup:system\` as root, or: sudo sh -c '$install'" >&2
  exit 1
fi
if ! command -v apt-get >/dev/null 2>&1; then
  echo "missing:$missing; this script knows only Debian's apt-get" >&2
  exit 1
fi

# Debian starts a service when its package is installed, unless this file says no (invoke-rc.d(8)).
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT INT TERM
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
apt-get update
# shellcheck disable=SC2086 # A list of package names.
apt-get install -y --no-install-recommends $missing
