"""Lockstep's helper inside a Linux guest: freezes its file systems while snapshots are taken.

Speaks the guest session protocol, version 1 (docs/format.md), over two append blobs. Python 3.6 or
newer, standard library only, root. Promises that whatever happens to the network, to the service or
to this process, no file system stays frozen longer than the deadline that was asked for: a watchdog
process, armed before anything freezes, thaws on its own.

While anything is frozen, nothing here starts a program, writes a file or a log, looks up a name or
opens a TLS session: sockets, certificates and mount points are opened before.
"""

import ctypes
import datetime
import errno
import fcntl
import hashlib
import http.client
import json
import os
import select
import signal
import socket
import ssl
import subprocess
import sys
import time
from urllib.parse import urlsplit

VERSION = "1"
FIFREEZE = 0xC0045877
FITHAW = 0xC0045878
FREEZABLE = ("ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs")
# Nothing writes to an EFI partition in operation; the kernel's counters prove it afterwards.
BOOT_MOUNT_POINTS = ("/boot/efi", "/efi", "/boot")
POLL_S = 0.1
MAX_DEADLINE_MS = 30000
# The first process thaws at the deadline; when it cannot, the watchdog does, this much later.
WATCHDOG_LAG_S = 0.2
REQUEST_TIMEOUT_S = 10.0
FROZEN_TIMEOUT_S = 2.0


class HelperError(Exception):
    """What the service is told as the reason of `failed`."""


class SessionGone(Exception):
    """The service removed the session, or the signature does not open it (any more)."""


class Terminated(Exception):
    """A signal asked this process to end."""


# ---------------------------------------------------------------- what there is to freeze

def read_text(path, default=""):
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return default


def unescape(text):
    """mountinfo and swaps write blanks as octal numbers."""
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, char)
    return text


def read_mounts():
    """One entry for each mounted file system (not for each mount), by its device number."""
    found = {}
    with open("/proc/self/mountinfo") as file:
        for line in file:
            left, right = line.rstrip("\n").split(" - ", 1)
            fields, tail = left.split(" "), right.split(" ")
            mount = {
                "number": fields[2],
                "root": unescape(fields[3]),
                "mountPoint": unescape(fields[4]),
                "fsType": tail[0],
                "device": unescape(tail[1]),
                "readOnly": "ro" in tail[2].split(","),
            }
            known = found.get(mount["number"])
            # A mount of the whole file system says more than one of a part of it, a short path more
            # than a long one.
            rank = (mount["root"] != "/", len(mount["mountPoint"]))
            if known is None or rank < (known["root"] != "/", len(known["mountPoint"])):
                found[mount["number"]] = mount
    return list(found.values())


def block_name(number):
    """`8:1` -> `sda1`; None for a file system without a block device of that number."""
    path = os.path.realpath("/sys/dev/block/" + number)
    return os.path.basename(path) if os.path.isdir(path) else None


def block_of_path(path):
    try:
        info = os.stat(path)
    except OSError:
        return None
    return block_name("%d:%d" % (os.major(info.st_rdev), os.minor(info.st_rdev)))


def list_dir(path):
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []


def blocks_of_mount(mount):
    """Block devices that hold a mounted file system; btrfs may have several."""
    if mount["fsType"] == "btrfs":
        own = os.path.basename(os.path.realpath(mount["device"]))
        for uuid in list_dir("/sys/fs/btrfs"):
            devices = list_dir("/sys/fs/btrfs/%s/devices" % uuid)
            if own in devices:
                return devices
        return [own] if os.path.isdir("/sys/class/block/" + own) else []
    name = block_name(mount["number"])
    return [name] if name else []


def block_under_file(path):
    """The block device of the file system that a file lies on."""
    try:
        number = os.stat(path).st_dev
    except OSError:
        return None
    return block_name("%d:%d" % (os.major(number), os.minor(number)))


def parts_of(name):
    """Partitions of a disk."""
    base = "/sys/class/block/" + name
    return [entry for entry in list_dir(base) if os.path.exists("%s/%s/partition" % (base, entry))]


def disks_below(name):
    """The disks that a device stands on, through partitions, LVM, RAID and encryption."""
    base = "/sys/class/block/" + name
    backing_file = read_text(base + "/loop/backing_file")
    if backing_file:
        under = block_under_file(backing_file)
        return disks_below(under) if under else {name}
    slaves = list_dir(base + "/slaves")
    if slaves:
        return set(disk for slave in slaves for disk in disks_below(slave))
    if os.path.exists(base + "/partition"):
        return {os.path.basename(os.path.dirname(os.path.realpath(base)))}
    return {name}


def vmbus_device_id(name):
    path = os.path.realpath("/sys/class/block/%s/device" % name)
    while path.startswith("/sys/devices/"):
        device_id = read_text(path + "/device_id")
        if device_id:
            return device_id.lower()
        path = os.path.dirname(path)
    return ""


def lun_of_disk(name):
    """LUN of an Azure disk, -1 for the OS disk, None for any other (the local temporary disk).

    After Azure/azure-vm-utils, udev/80-azure-disk.rules, read from sysfs, as rules may be missing.
    """
    nsid = read_text("/sys/class/block/%s/nsid" % name)
    if nsid:
        model = read_text("/sys/class/block/%s/device/model" % name)
        if not model.startswith("MSFT NVMe Accelerator"):
            return None
        return -1 if nsid == "1" else int(nsid) - 2
    device_id = vmbus_device_id(name)
    address = os.path.basename(os.path.realpath("/sys/class/block/%s/device" % name)).split(":")
    lun = int(address[3]) if len(address) == 4 and address[3].isdigit() else None
    if device_id.startswith("{00000000-0000-"):
        return -1
    if device_id.startswith("{f8b3781a-"):
        return -1 if lun == 0 else None
    if device_id[:10] in ("{f8b3781b-", "{f8b3781c-", "{f8b3781d-"):
        return lun
    return None


def azure_disks(mounts):
    """{disk name: LUN}; udev's links and the root mount fill in what sysfs does not tell."""
    luns = {}
    for name in list_dir("/sys/block"):
        lun = lun_of_disk(name)
        if lun is not None:
            luns[name] = lun
    for folder in ("/dev/disk/azure/scsi1", "/dev/disk/azure/data/by-lun"):
        for entry in list_dir(folder):
            number = entry[3:] if entry.startswith("lun") else entry
            if number.isdigit():
                name = os.path.basename(os.path.realpath("%s/%s" % (folder, entry)))
                luns.setdefault(name, int(number))
    if -1 not in luns.values():
        for mount in mounts:
            if mount["mountPoint"] == "/":
                for block in blocks_of_mount(mount):
                    for disk in disks_below(block):
                        luns.setdefault(disk, -1)
    return luns


def sectors_written(name):
    fields = read_text("/sys/class/block/%s/stat" % name).split()
    return int(fields[6]) if len(fields) > 6 else 0


def is_in_use(name):
    """Why a device without a mount here may still be written to; None when nothing holds it."""
    path = "/dev/" + name
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_EXCL | os.O_CLOEXEC))
    except OSError as error:
        if error.errno == errno.EBUSY:
            return "the kernel uses it, but no mount is to be seen here"
        if error.errno not in (errno.ENXIO, errno.ENOMEDIUM, errno.ENOENT):
            return "it cannot be looked at (%s)" % errno.errorcode.get(error.errno, "?")
        return None
    for pid in list_dir("/proc"):
        if not pid.isdigit() or int(pid) == os.getpid():
            continue
        for fd in list_dir("/proc/%s/fd" % pid):
            try:
                if os.readlink("/proc/%s/fd/%s" % (pid, fd)) == path:
                    return "process %s (%s) has it open" % (pid, read_text("/proc/%s/comm" % pid))
            except OSError:
                continue
    return None


class Survey:
    """What a freeze would cover, and what it would not."""

    def __init__(self, only):
        mounts = read_mounts()
        self.luns = azure_disks(mounts)
        self.mounts = []
        self.idle_blocks = []
        self.covered_blocks = set()
        self.uncovered = {}
        for mount in mounts:
            blocks = blocks_of_mount(mount)
            if blocks and not (mount["fsType"] == "squashfs" and mount["readOnly"]):
                self.add_mount(mount, blocks, only)
        self.look_at_swap()
        for disk in self.luns:
            self.look_at_block(disk)
        # Inner mounts before those they stand on: a loop device before the file system that its file
        # lies on, long paths before short ones; so / comes last.
        self.mounts.sort(key=lambda one: (one["mountPoint"] == "/", -one["depth"], one["mountPoint"]))

    def add_mount(self, mount, blocks, only):
        point, kind = mount["mountPoint"], mount["fsType"]
        reason = None
        covered = False
        if mount["readOnly"]:
            reason, covered = "mounted read-only", True
        elif only is not None and point not in only:
            reason = "left out by LOCKSTEP_MOUNTS"
        elif kind == "vfat" and point in BOOT_MOUNT_POINTS:
            reason, covered = "vfat cannot be frozen; its writes are counted instead", True
            self.idle_blocks.extend(blocks)
        elif kind not in FREEZABLE:
            reason = "%s cannot be frozen" % kind
        disks = set(disk for block in blocks for disk in disks_below(block))
        is_loop = any(name.startswith("loop") for name in blocks)
        depth = point.rstrip("/").count("/") + (1000 if is_loop else 0)
        entry = {
            "mountPoint": point,
            "fsType": kind,
            "device": mount["device"],
            "luns": sorted(self.luns[disk] for disk in disks if disk in self.luns),
            "freezable": reason is None,
            "depth": depth,
        }
        if reason is not None:
            entry["reason"] = reason
        if entry["luns"] or (only is not None and point in only):
            self.mounts.append(entry)
        if reason is None or covered:
            self.covered_blocks.update(blocks)
        else:
            for block in blocks:
                self.uncovered[block] = (point, reason)

    def look_at_swap(self):
        for line in read_text("/proc/swaps").split("\n")[1:]:
            path = unescape(line.split()[0]) if line.split() else ""
            if not path:
                continue
            if line.split()[1] == "partition":
                name = block_of_path(path)
            else:
                name = block_under_file(path)
            if name:
                self.uncovered[name] = (path, "swap is written past every file system")

    def look_at_block(self, name):
        above = parts_of(name) + list_dir("/sys/class/block/%s/holders" % name)
        for block in above:
            self.look_at_block(block)
        if above or name in self.covered_blocks or name in self.uncovered:
            return
        reason = is_in_use(name)
        if reason is not None:
            self.uncovered[name] = ("/dev/" + name, reason)

    def disks(self):
        answer = []
        for lun in sorted(set(self.luns.values())):
            uncovered = [
                {"what": what, "reason": reason}
                for block, (what, reason) in sorted(self.uncovered.items())
                if any(self.luns.get(disk) == lun for disk in disks_below(block))
            ]
            answer.append({"lun": lun, "covered": not uncovered, "uncovered": uncovered})
        return answer

    def sectors_written(self):
        return sum(sectors_written(block) for block in self.idle_blocks)


# ---------------------------------------------------------------- talking

class Connection:
    """One TLS connection that was opened before anything froze."""

    def __init__(self, url, context):
        parts = urlsplit(url)
        self.target = parts.path + "?" + parts.query
        self.http = http.client.HTTPSConnection(
            parts.hostname, parts.port or 443, timeout=REQUEST_TIMEOUT_S, context=context
        )
        self.http.connect()
        self.http.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.http.auto_open = 0  # a lost connection is an error, never a new one by itself

    def request(self, method, suffix, headers, body, timeout_s):
        self.http.sock.settimeout(timeout_s)
        fixed = {"x-ms-version": "2021-08-06"}
        fixed.update(headers)
        self.http.request(method, self.target + suffix, body=body, headers=fixed)
        answer = self.http.getresponse()
        return answer.status, answer.getheader("x-ms-error-code") or "", answer.read()

    def close(self):
        self.http.close()


class Channel:
    """The guest's end of a session."""

    def __init__(self, to_guest_url, from_guest_url, session):
        self.session = session
        self.urls = (to_guest_url, from_guest_url)
        self.context = ssl.create_default_context()
        # One in use and one to spare for each direction: while frozen, no other can be opened.
        self.lines = [[self.open(url), self.open(url)] for url in self.urls]
        self.frozen = False
        self.read_offset = 0
        self.append_offset = 0
        self.seq = 0
        self.heard = b""

    def open(self, url):
        return Connection(url, self.context)

    def call(self, line, method, suffix, headers, body=None):
        timeout_s = FROZEN_TIMEOUT_S if self.frozen else REQUEST_TIMEOUT_S
        while True:
            if not self.lines[line]:
                if self.frozen:
                    raise OSError("every connection that was open before the freeze is lost")
                self.lines[line].append(self.open(self.urls[line]))
            try:
                return self.lines[line][0].request(method, suffix, headers, body, timeout_s)
            except (OSError, http.client.HTTPException):
                self.lines[line].pop(0).close()
                if not self.lines[line]:
                    raise

    def catch_up(self):
        """For a process that did not write what stands there: finds position and number."""
        status, code, body = self.call(1, "GET", "", {})
        if status not in (200, 206):
            raise SessionGone("%d %s" % (status, code))
        self.append_offset = len(body)
        self.seq = body.count(b"\n")

    def say(self, kind, body, give_up_s=60.0):
        message = {"v": 1, "session": self.session, "seq": self.seq, "type": kind}
        message.update(body)
        data = (json.dumps(message, separators=(",", ":")) + "\n").encode("utf-8")
        until = time.monotonic() + give_up_s
        pause = 0.05
        while True:
            try:
                if self.try_append(data):
                    self.append_offset += len(data)
                    self.seq += 1
                    return
            except (OSError, http.client.HTTPException):
                pass  # tried again below, until give_up_s
            if time.monotonic() >= until:
                raise OSError("the session's blob could not be written")
            time.sleep(pause)
            pause = min(1.0, pause * 2)

    def try_append(self, data):
        headers = {"x-ms-blob-condition-appendpos": str(self.append_offset)}
        status, code, _ = self.call(1, "PUT", "&comp=appendblock", headers, data)
        if status == 201:
            return True
        if status == 412:
            # An earlier try whose answer was lost: does the line stand where it belongs?
            there = {"x-ms-range": "bytes=%d-%d" % (self.append_offset, self.append_offset + len(data) - 1)}
            status, code, body = self.call(1, "GET", "", there)
            if status == 206 and body == data:
                return True
        if status in (408, 429) or status >= 500:
            return False
        raise SessionGone("%d %s" % (status, code))

    def hear(self):
        """The next message of the service, or None."""
        if b"\n" not in self.heard:
            headers = {"x-ms-range": "bytes=%d-" % self.read_offset}
            status, code, body = self.call(0, "GET", "", headers)
            if status in (200, 206):
                self.read_offset += len(body)
                self.heard += body
            elif status in (401, 403, 404, 409):
                raise SessionGone("%d %s" % (status, code))
        if b"\n" not in self.heard:
            return None
        line, self.heard = self.heard.split(b"\n", 1)
        message = json.loads(line.decode("utf-8"))
        if message.get("v") != 1 or message.get("session") != self.session:
            raise HelperError("a message of another session arrived")
        return message


# ---------------------------------------------------------------- freezing

def now_utc():
    return datetime.datetime.now(datetime.timezone.utc).isoformat().replace("+00:00", "Z")


def monotonic_ms():
    return int(time.monotonic() * 1000)


def lock_memory():
    """Best effort: a page that must be read from a frozen disk would still be readable."""
    try:
        ctypes.CDLL(None).mlockall(3)  # MCL_CURRENT | MCL_FUTURE
    except (OSError, AttributeError):
        pass


def sync_file_system(fd):
    """Makes the freeze itself short. Best effort: the freeze flushes as well."""
    try:
        ctypes.CDLL(None).syncfs(fd)
    except (OSError, AttributeError):
        pass


def thaw_all(opened):
    """In reverse order. Somebody else's thaw shows as EINVAL."""
    results = []
    for point, fd in reversed(opened):
        try:
            fcntl.ioctl(fd, FITHAW, 0)
            results.append({"mountPoint": point, "ok": True})
        except OSError as error:
            name = errno.errorcode.get(error.errno, str(error.errno))
            results.append({"mountPoint": point, "ok": False, "errno": name})
    return results


def watch(pipe, opened, channel_arguments):
    """The watchdog: thaws at the deadline, and when the first process is gone, whatever the cause."""
    deadline = None
    armed_at = 0.0
    told = b""
    while True:
        wait = None
        if deadline is not None:
            left = deadline - time.monotonic()
            # Past the deadline it thaws again and again: the first process may still be freezing.
            wait = left if left > 0 else 0.1
        ready, _, _ = select.select([pipe], [], [], wait)
        if deadline is not None and time.monotonic() >= deadline:
            thaw_all(opened)
        if not ready:
            continue
        data = os.read(pipe, 64)
        told += data
        while b"\n" in told:
            line, told = told.split(b"\n", 1)
            if line == b"D":
                return
            armed_at = time.monotonic()
            deadline = float(line[1:])
        if not data:
            if deadline is not None:
                results = thaw_all(opened)
                held_ms = int((time.monotonic() - armed_at) * 1000)
                report_death(results, held_ms, channel_arguments)
            return


def report_death(results, held_ms, channel_arguments):
    """The first process cannot say any more how its freeze ended."""
    channel = Channel(*channel_arguments)
    channel.catch_up()
    channel.say("thawed", {
        "cause": "failure", "mounts": results, "heldMs": held_ms,
        "monotonicMs": monotonic_ms(), "utc": now_utc(),
    })
    channel.say("done", {"postHooks": []})


class Watchdog:
    """Runs in a session of its own, so that killing the script's process group does not reach it, and
    where systemd runs in a scope of its own, so that stopping the agent does not either."""

    def __init__(self, opened, channel_arguments, session):
        read_end, self.pipe = os.pipe()
        ready_read, ready_write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                os.setsid()
                os.close(self.pipe)
                os.close(ready_read)
                null = os.open(os.devnull, os.O_RDWR)
                for fd in (0, 1, 2):
                    os.dup2(null, fd)
                for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                    signal.signal(name, signal.SIG_IGN)
                lock_memory()
                os.write(ready_write, b"1")
                os.close(ready_write)
                watch(read_end, opened, channel_arguments)
                code = 0
            finally:
                os._exit(code)
        os.close(read_end)
        os.close(ready_write)
        if os.read(ready_read, 1) != b"1":
            raise HelperError("the watchdog did not start")
        os.close(ready_read)
        self.adopt(session)

    def adopt(self, session):
        if not os.path.isdir("/run/systemd/system"):
            return
        command = [
            "busctl", "call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
            "org.freedesktop.systemd1.Manager", "StartTransientUnit", "ssa(sv)a(sa(sv))",
            "lockstep-%s.scope" % session[:18], "fail", "1", "PIDs", "au", "1", str(self.pid), "0",
        ]
        try:
            subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, timeout=10)
        except (OSError, subprocess.SubprocessError):
            pass  # its own session still keeps it out of the script's process group

    def arm(self, deadline):
        os.write(self.pipe, b"A%.6f\n" % deadline)

    def end(self):
        try:
            os.write(self.pipe, b"D\n")
        except OSError:
            pass  # it has ended already
        os.waitpid(self.pid, 0)


def freeze_all(opened, deadline):
    """Freezes in order. Answers what was frozen, and why it stopped, if it did."""
    frozen = []
    for point, fd in opened:
        if time.monotonic() >= deadline:
            return frozen, "the deadline came before every file system was frozen"
        try:
            fcntl.ioctl(fd, FIFREEZE, 0)
        except OSError as error:
            name = errno.errorcode.get(error.errno, str(error.errno))
            return frozen, "%s could not be frozen: %s" % (point, name)
        frozen.append((point, fd))
    return frozen, None


def hold(channel, opened, watchdog, deadline_ms, survey):
    """From `go` to `thawed`."""
    for _, fd in opened:
        sync_file_system(fd)
    idle_before = survey.sectors_written()
    start = time.monotonic()
    deadline = start + deadline_ms / 1000.0
    watchdog.arm(deadline + WATCHDOG_LAG_S)
    cause = "failure"
    frozen, problem = opened, "it was interrupted"
    channel.frozen = True
    try:
        frozen, problem = freeze_all(opened, deadline)
        if problem is None:
            problem = "the service could not be told"
            channel.say("frozen", {
                "mounts": [{"mountPoint": point, "ok": True} for point, _ in frozen],
                "deadlineMs": deadline_ms, "monotonicMs": monotonic_ms(), "utc": now_utc(),
            }, give_up_s=max(0.0, deadline - time.monotonic()))
            problem = None
            cause = wait_for_release(channel, deadline)
    except (OSError, http.client.HTTPException, SessionGone, HelperError, Terminated, ValueError):
        cause = "failure"
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # nothing interrupts the thaw
        results = thaw_all(frozen)
        held_ms = int((time.monotonic() - start) * 1000)
        channel.frozen = False
        watchdog.end()
    if problem is not None:
        channel.say("failed", {"stage": "freeze", "reason": problem, "thawed": results})
        return
    channel.say("thawed", {
        "cause": cause, "mounts": results, "heldMs": held_ms, "monotonicMs": monotonic_ms(),
        "utc": now_utc(), "unfrozenSectorsWritten": survey.sectors_written() - idle_before,
    })


def wait_for_release(channel, deadline):
    while time.monotonic() < deadline:
        try:
            message = channel.hear()
        except (OSError, http.client.HTTPException):
            message = None  # the next look may succeed; the deadline ends all looks
        if message is not None and message.get("type") in ("release", "abort"):
            return "released"
        if message is None:
            time.sleep(max(0.0, min(POLL_S, deadline - time.monotonic())))
    return "deadline"


# ---------------------------------------------------------------- the session

def wait_for_go(channel, until):
    """The deadline of `go` in ms; None when the helper has to end instead."""
    while time.monotonic() < until:
        try:
            message = channel.hear()
        except (OSError, http.client.HTTPException):
            message = None
        if message is None:
            time.sleep(POLL_S)
        elif message.get("type") == "abort":
            return None
        elif message.get("type") == "go":
            wanted = message.get("deadlineMs")
            if not isinstance(wanted, (int, float)) or isinstance(wanted, bool) or wanted <= 0:
                raise HelperError("go came without a deadline")
            return min(int(wanted), MAX_DEADLINE_MS)
    return None


def open_mounts(survey):
    opened = []
    for mount in survey.mounts:
        if mount["freezable"]:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
            opened.append((mount["mountPoint"], os.open(mount["mountPoint"], flags)))
    return opened


def source_digest():
    source = globals().get("HELPER_SOURCE")
    if source is None:
        with open(__file__, "rb") as file:
            source = file.read()
    return hashlib.sha256(source).hexdigest()


def terminate(_number, _frame):
    raise Terminated()


def main():
    environment = os.environ
    session = environment["LOCKSTEP_SESSION"]
    channel_arguments = (
        environment["LOCKSTEP_TO_GUEST_URL"], environment["LOCKSTEP_FROM_GUEST_URL"], session
    )
    hello_timeout_s = float(environment.get("LOCKSTEP_HELLO_TIMEOUT_S", "120"))
    listed = environment.get("LOCKSTEP_MOUNTS", "")
    only = set(listed.split(":")) if listed else None
    # Children (busctl) have no business with the session's signatures.
    for name in ("LOCKSTEP_TO_GUEST_URL", "LOCKSTEP_FROM_GUEST_URL"):
        environment.pop(name)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, terminate)

    channel = Channel(*channel_arguments)
    watchdog = None
    try:
        survey = Survey(only)
        opened = open_mounts(survey)
        lock_memory()
        watchdog = Watchdog(opened, channel_arguments, session)
        shown = [{key: one[key] for key in one if key != "depth"} for one in survey.mounts]
        hello = {
            "helperSha256": source_digest(), "helperVersion": VERSION,
            "bootId": read_text("/proc/sys/kernel/random/boot_id"), "mounts": shown,
            "disks": survey.disks(), "preHooks": [], "monotonicMs": monotonic_ms(), "utc": now_utc(),
        }
    except (OSError, HelperError, ValueError) as error:
        if watchdog is not None:
            watchdog.end()
        channel.say("failed", {"stage": "hello", "reason": str(error)[:500], "thawed": []})
        channel.say("done", {"postHooks": []})
        return 0
    try:
        channel.say("hello", hello)
        deadline_ms = wait_for_go(channel, time.monotonic() + hello_timeout_s)
        if deadline_ms is None:
            watchdog.end()
        else:
            hold(channel, opened, watchdog, deadline_ms, survey)
        channel.say("done", {"postHooks": []})
        return 0
    except SessionGone as error:
        sys.stderr.write("the session is closed: %s\n" % error)
        return 1
    except (HelperError, Terminated, OSError, ValueError) as error:
        sys.stderr.write("ended: %s\n" % (str(error) or "terminated"))
        return 1


if __name__ == "__main__":
    sys.exit(main())
