"""A long bad line: two network devices in two namespaces, and what goes in at one comes out at the other, later or never.

Usage: line.py NAMESPACE ADDRESS NAMESPACE ADDRESS DELAY_MS LOSS_PERCENT CUT_FILE
While CUT_FILE exists nothing passes. Of the packets that carry data, each hundredth is lost at 1 percent: by count, not by
chance, so that two servers meet the same line. The kernel's own netem would do the same, where it is built in.
"""
import ctypes, fcntl, heapq, os, select, struct, subprocess, sys, time

TUNSETIFF, IFF_TUN, IFF_NO_PI, CLONE_NEWNET = 0x400454CA, 0x0001, 0x1000, 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def end(namespace, address):
    with open("/run/netns/" + namespace) as file:
        if libc.setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", b"line", IFF_TUN | IFF_NO_PI))
    for words in (["addr", "add", address + "/24", "dev", "line"], ["link", "set", "line", "up", "txqueuelen", "1000"]):
        subprocess.run(["ip", *words], check=True)
    return device


one, other = end(*sys.argv[1:3]), end(*sys.argv[3:5])
delay, loss, cut = float(sys.argv[5]) / 1000, float(sys.argv[6]) / 100, sys.argv[7]
under_way, count, carried = [], 0, {one: 0, other: 0}
print("the line is up", flush=True)
while True:
    wait = max(0, under_way[0][0] - time.monotonic()) if under_way else None
    ready, _, _ = select.select([one, other], [], [], wait)
    now = time.monotonic()
    for device in ready:
        for _ in range(64):
            try:
                packet = os.read(device, 65536)
            except BlockingIOError:
                break
            # Six is IPv6, whose own chatter is none of ours.
            if packet[0] >> 4 != 4 or os.path.exists(cut):
                continue
            carried[device] += len(packet) > 500
            if len(packet) <= 500 or not loss or carried[device] % round(1 / loss):
                count += 1
                heapq.heappush(under_way, (now + delay, count, other if device == one else one, packet))
    while under_way and under_way[0][0] <= time.monotonic():
        _, _, device, packet = heapq.heappop(under_way)
        try:
            os.write(device, packet)
        except OSError:
            pass
