//! A host that withholds much: system calls, /proc, /etc, an environment.

use super::{SOURCE, TARGET, ended, joined_in};
use ftp_proto::relay::message::End;
use integration_tests::foreign::{Skipped, Tool};
use integration_tests::relay::{Agent, Relay};
use integration_tests::site::sample;
use integration_tests::{or_skip, skip};
use std::collections::BTreeSet;
use std::fs::write;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::Command;
use std::thread;

/// Lets seccomp answer EPERM to splice, and becomes the program of its arguments.
const WITHOUT_SPLICE: &str = r#"
import ctypes, os, platform, struct, sys
number = {"x86_64": 275, "aarch64": 76}[platform.machine()]
rules = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7fff0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
filter = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(rules), ctypes.addressof(code)))
libc = ctypes.CDLL(None)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.c_void_p(ctypes.addressof(filter)), 0, 0):
    sys.exit("no seccomp here")
os.execv(sys.argv[1], sys.argv[1:])
"#;

/// Has Landlock refuse every file but the program, its libraries and its token; from version 6 on also every abstract socket of
/// Unix. Then it becomes the program of its arguments, of which the first one is the version that the kernel is taken for. Alone
/// it says which version the kernel has.
const WITHIN_LANDLOCK: &str = r#"
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    got = libc.syscall(number, *arguments)
    if got < 0:
        sys.exit("no Landlock here: " + os.strerror(ctypes.get_errno()))
    return got
version = call(444, None, 0, 1)
if len(sys.argv) == 1:
    sys.exit(print(version))
version, program = int(sys.argv[1]), sys.argv[2:]
files = {1: 0x1fff, 2: 0x3fff}.get(version, 0x7fff)
size = 8 if version < 4 else 16 if version < 6 else 24
wanted = ctypes.create_string_buffer(struct.pack("QQQ", files, 0, 3), 24)
rules = call(444, wanted, size, 0)
token = program[program.index("--token-file") + 1]
for path in [os.path.dirname(program[0]), os.path.dirname(token), "/lib", "/lib64", "/usr/lib"]:
    if os.path.isdir(path):
        directory = os.open(path, os.O_PATH)
        call(445, rules, 1, ctypes.create_string_buffer(struct.pack("=Qi", 0x0d, directory), 12), 0)
if libc.prctl(38, 1, 0, 0, 0):
    sys.exit("new privileges stay")
call(446, rules, 0)
try:
    sys.exit("Landlock permits " + open("/proc/self/status").name)
except PermissionError:
    os.execv(program[0], program)
"#;

/// A relay that this line of a shell starts, with the program and its arguments behind it.
fn started_by(line: &str) -> Agent {
    Relay::new().without_data_ports().launcher(line).server(SOURCE).server(TARGET).start()
}

/// Two files pass joins of one session.
fn carries(agent: &Agent) {
    let mut session = agent.session().greeted(&[SOURCE, TARGET]);
    for _ in 0..2 {
        let (mut source, mut target) = joined_in(&mut session, u64::MAX);
        let sending = thread::spawn(move || {
            source.write_all(&sample(3_000_003)).unwrap();
            source.shutdown(Shutdown::Write).unwrap();
            source
        });
        let mut got = Vec::new();
        target.read_to_end(&mut got).unwrap();
        target.shutdown(Shutdown::Write).unwrap();
        assert!(got == sample(3_000_003), "{} bytes came", got.len());
        drop(sending.join().unwrap());
        assert_eq!(ended(&mut session), (3_000_003, 0, End::Eof));
    }
}

#[test]
fn r52_where_splice_is_not_permitted_bytes_are_copied_and_the_log_says_so_once() {
    let python = or_skip!(Tool::plain_python());
    if !cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
        or_skip!(Err::<(), _>(Skipped("the number of splice is not known for this processor".into())));
    }
    let directory = tempfile::tempdir().unwrap();
    let launcher = directory.path().join("launcher.py");
    write(&launcher, WITHOUT_SPLICE).unwrap();
    let agent = started_by(&format!("exec {} {}", python.program().display(), launcher.display()));
    carries(&agent);
    agent.running.logs("splice is not permitted here: bytes are copied");
    assert_eq!(
        agent.running.said().matches("splice is not permitted").count(),
        1,
        "{}",
        agent.running.said()
    );
}

#[test]
fn r52_what_landlock_refuses_is_done_without_and_the_log_says_so_once() {
    let python = or_skip!(Tool::plain_python());
    let directory = tempfile::tempdir().unwrap();
    let launcher = directory.path().join("launcher.py");
    write(&launcher, WITHIN_LANDLOCK).unwrap();
    let asked = Command::new(python.program()).arg(&launcher).output().unwrap();
    let Ok(newest) = String::from_utf8_lossy(&asked.stdout).trim().parse::<u32>() else {
        skip!(String::from_utf8_lossy(&asked.stderr).trim().to_owned());
    };
    // As this kernel is, and as older ones are.
    let versions: BTreeSet<u32> = [1, 2, 3, 4, SOCKETS].map(|version| version.min(newest)).into();
    for version in versions {
        within_landlock(&format!("{} {} {version}", python.program().display(), launcher.display()), version);
    }
}

/// The first version of Landlock that refuses sockets.
const SOCKETS: u32 = 6;

/// A relay that `launcher` starts does without what this version of Landlock refuses: files, about which there is nothing to say,
/// and systemd's socket.
fn within_landlock(launcher: &str, version: u32) {
    // systemd's place, which takes every word.
    let name = format!("ftp-tests-landlock-{version}-{}", std::process::id());
    let systemd = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let agent = started_by(&format!("exec env NOTIFY_SOCKET=@{name} {launcher}"));
    carries(&agent);
    let said = agent.running.said();
    let refused = usize::from(version >= SOCKETS);
    assert_eq!(said.matches("cannot tell systemd how the program is").count(), refused, "{said}");
    assert_eq!(said.matches("WARN").count() + said.matches("ERROR").count(), refused, "{said}");
    systemd.set_nonblocking(true).unwrap();
    assert_eq!(systemd.recv(&mut [0; 64]).is_err(), refused == 1, "version {version}");
}

#[test]
fn r52_without_proc_and_etc_and_with_an_empty_environment_it_works() {
    let alone =
        "unshare --mount sh -c 'umount -l /proc && mount -t tmpfs none /etc && exec env -i \"$0\" \"$@\"'";
    let tried = Command::new("sh").args(["-c", &format!("{alone} /bin/true")]).output();
    if !tried.is_ok_and(|output| output.status.success()) {
        or_skip!(Err::<(), _>(Skipped("a mount namespace needs root and unshare".into())));
    }
    let agent = started_by(&format!("exec {alone}"));
    carries(&agent);
}
