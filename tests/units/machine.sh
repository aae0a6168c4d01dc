# A machine of its own, as far as namespaces go: systemd as process 1, over a copy-on-write view of this machine's files.
# $1: an empty folder; $2: deploy/systemd; $3: an environment with tcc-upload; $4: the server's URL; $5: its key
set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
root=$1/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$root"
mount -t proc proc "$root/proc"
mount --bind /sys "$root/sys"
mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=755 tmpfs "$root/run"

rm -rf "$root/opt/tcc"
cp -r "$3" "$root/opt/tcc" # not through its own path: the unit sees neither homes nor /tmp
sed -i '1s#.*#\#!/opt/tcc/bin/python#' "$root/opt/tcc/bin/tcc-upload" "$root/opt/tcc/bin/tcc-record"

# of this machine's own units none is started
mkdir "$root/units"
for name in sysinit basic shutdown network multi-user sockets timers paths slices local-fs umount; do
  printf '[Unit]\nDefaultDependencies=no\n' >"$root/units/$name.target"
done

# what docs/deploy.md says
install -m 0644 "$2/tcc-upload.service" "$2/tcc-gateway.service" "$2/tcc-gateway.socket" "$root/units/"
install -m 0644 -D "$2/tcc.sysusers.conf" "$root/etc/sysusers.d/tcc.conf"
install -m 0644 -D "$2/tcc.tmpfiles.conf" "$root/etc/tmpfiles.d/tcc.conf"
chroot "$root" systemd-sysusers tcc.conf
chroot "$root" systemd-tmpfiles --create tcc.conf
printf '%s\n' "$5" | install -m 0600 /dev/stdin "$root/etc/tcc/api-key"
echo "TCC_BASE_URL=$4" >"$root/etc/tcc/upload.env"
chroot "$root" useradd --create-home --groups tcc agent
home=$root/home/agent
install -m 0644 -D "$2/user/tcc-upload.service" "$home/.config/systemd/user/tcc-upload.service"
install -m 0644 -D "$root/etc/tcc/upload.env" "$home/.config/tcc/upload.env"
echo tcc_wrong_0123456789 >"$home/.config/tcc/api-key"
mkdir -p "$home/.local/bin"
ln -s /opt/tcc/bin/tcc-upload "$home/.local/bin/"
install -d -m 0700 "$root/run/user/agent"
chroot "$root" chown -R agent: /home/agent /run/user/agent

mkdir "$root/old"
cd "$root"
pivot_root . old
umount -l /old
mount --make-rshared / # credentials are mounted, and must be seen by the service
export container=other SYSTEMD_UNIT_PATH=/units
exec /lib/systemd/systemd --system --unit=multi-user.target --log-target=console --show-status=no
