#!/bin/sh
# Becomes the service manager of a machine of its own: machine.sh HOUSE NODE REPOSITORY UNITS
#
# Run it in namespaces of its own (unshare --mount --pid --fork --cgroup). Its root lies in memory and shows the programs of this
# machine, read-only; HOUSE/etc comes on top. Only UNITS are there: nothing of this machine is started.
set -eu
house=$1 node=$2 repository=$3 units=$4
mount --make-rprivate /
root=$house/root
mkdir "$root"
mount -t tmpfs -o mode=755 tmpfs "$root"
cd "$root"
mkdir -p usr etc/units etc/none etc/ssl proc sys dev run tmp home root old var/lib var/log opt/node-26/bin opt/sallyport/current/bin
chmod 1777 tmp
mount --rbind /usr usr
mount -o remount,bind,ro usr
for name in bin sbin lib lib64; do
  if [ -L "/$name" ]; then
    cp -P "/$name" "$name"
  elif [ -d "/$name" ]; then
    mkdir "$name"
    mount --rbind "/$name" "$name"
  fi
done
# Not where it is: a unit that may not see /tmp or /home must find it wherever somebody has cloned it to.
mkdir -p opt/sallyport/source
mount --rbind "$repository" opt/sallyport/source
mount --rbind /dev dev
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
cp -a "$house/etc/." etc/
mount --rbind /etc/ssl etc/ssl
[ ! -e /etc/ld.so.cache ] || cp /etc/ld.so.cache etc/
cp "$units"/*.service "$units"/*.socket etc/units/
# What the units are ordered by, and nothing behind it.
for target in sysinit basic sockets multi-user shutdown network-online; do
  printf '[Unit]\nDefaultDependencies=no\n' >"etc/units/$target.target"
done
touch opt/node-26/bin/node
mount --bind "$node" opt/node-26/bin/node
ln -s /opt/sallyport/source/packages/cli/bin/sallyport.cjs opt/sallyport/current/bin/sallyport
pivot_root . old
umount -l /old
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=test SYSTEMD_UNIT_PATH=/etc/units SYSTEMD_GENERATOR_PATH=/etc/none \
  SYSTEMD_ENVIRONMENT_GENERATOR_PATH=/etc/none /lib/systemd/systemd --system --log-target=console --show-status=no \
  --unit=basic.target
