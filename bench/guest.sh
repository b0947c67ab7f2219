#!/bin/sh
# Runs a command of this checkout in a virtual machine of its own, in which a process may have a million open files
# whatever this machine allows. The processor is emulated: memory and counts mean what they say there, times do not.
#
# usage: sh bench/guest.sh [COMMAND]     default: npm run bench:growth, one round
#
# Needs root and, of Debian, qemu-system-x86, busybox-static and a kernel: apt-get download linux-image-amd64's
# dependency linux-image-*-amd64, unpack it with dpkg-deb -x FILE DIR, and say KERNEL_DIR=DIR. The machine sees this
# one's files, read only; what the command writes stays in its memory and is gone afterwards.
set -eu

command=${1:-npm run bench:growth -- --rounds 1 --idle 60 --json /tmp/growth.json}
memory_mib=${MEMORY_MIB:-10240}
checkout=$(cd "$(dirname "$0")/.." && pwd)
: "${KERNEL_DIR:?the directory into which the Debian package of a kernel was unpacked}"
for program in qemu-system-x86_64 busybox; do
  command -v "$program" >/dev/null || { echo "$program is missing: see the head of $0" >&2; exit 1; }
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/root/bin" "$work/root/modules" "$work/root/lower" "$work/root/upper" "$work/root/new"
cp "$(command -v busybox)" "$work/root/bin/busybox"
for module in virtio virtio_ring virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci netfs fscache 9pnet 9pnet_virtio 9p overlay; do
  find "$KERNEL_DIR/lib/modules" -name "$module.ko" -exec cp {} "$work/root/modules/" \;
done

cat >"$work/root/command.sh" <<END
ulimit -n 1000000
export HOME=/root PATH="$checkout/node_modules/.bin:$PATH"
echo 1024 65535 >/proc/sys/net/ipv4/ip_local_port_range
cd "$checkout"
$command
echo o >/proc/sysrq-trigger
sleep 10
END

# A module may need one that comes later in the list: they are tried until all are in.
cat >"$work/root/init" <<'END'
#!/bin/busybox sh
b=/bin/busybox
for round in 1 2 3 4; do for module in /modules/*.ko; do $b insmod "$module" 2>/dev/null; done; done
$b mount -t 9p -o trans=virtio,version=9p2000.L,ro,msize=524288,cache=loose host /lower
$b mount -t tmpfs tmpfs /upper
$b mkdir /upper/files /upper/work
$b mount -t overlay -o lowerdir=/lower,upperdir=/upper/files,workdir=/upper/work overlay /new
$b mount -t proc proc /new/proc
$b mount -t sysfs sys /new/sys
$b mount -t devtmpfs dev /new/dev
$b mount -t tmpfs tmpfs /new/tmp
$b ip link set lo up
$b cp /command.sh /new/tmp/command.sh
exec $b switch_root /new /bin/sh /tmp/command.sh
END
chmod +x "$work/root/init"
(cd "$work/root" && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1) >"$work/initrd"

qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m "$memory_mib" -nographic -no-reboot -nic none \
  -kernel "$(echo "$KERNEL_DIR"/boot/vmlinuz-*)" -initrd "$work/initrd" -append 'console=ttyS0 quiet panic=-1' \
  -fsdev local,id=host,path=/,security_model=none,readonly=on,multidevs=remap \
  -device virtio-9p-pci,fsdev=host,mount_tag=host </dev/null
