//! Counts system calls in what Valgrind writes with `--trace-syscalls=yes`.

use std::collections::{HashMap, HashSet};

/// Calls that are not counted: how often a thread waits, and how often the allocator needs more, depends on the machine; the clock
/// is read without a system call where no Valgrind is.
const UNCOUNTED: [&str; 27] = [
    "futex",
    "epoll_wait",
    "epoll_pwait",
    "poll",
    "ppoll",
    "select",
    "sched_yield",
    "nanosleep",
    "clock_nanosleep",
    "clock_gettime",
    "gettimeofday",
    "time",
    "brk",
    "mmap",
    "munmap",
    "mremap",
    "mprotect",
    "madvise",
    "clone",
    "clone3",
    "set_robust_list",
    "rseq",
    "rt_sigprocmask",
    "sigaltstack",
    "prctl",
    "gettid",
    "sched_getaffinity",
];

/// How Valgrind writes EAGAIN: nothing was there.
const WOULD_BLOCK: &str = "Failure(0xb)";

/// The number of calls in a log. Those that had to wait, and those that only wake a thread of the same program, do not count.
pub(crate) fn count(log: &str) -> u64 {
    let mut calls = 0;
    let mut wakers = HashSet::new();
    // Whether the call that a thread is in was counted.
    let mut counted: HashMap<&str, bool> = HashMap::new();
    for line in log.lines() {
        let Some((thread, rest)) = line.strip_prefix("SYSCALL[").and_then(|rest| rest.split_once("]("))
        else {
            continue;
        };
        let said = rest.split_once(')').unwrap_or_default().1.trim_start();
        if !said.starts_with("...") {
            let (name, arguments) = said.split_once('(').unwrap_or((said, ""));
            let name = name.trim_end().trim_start_matches("sys_");
            let first = arguments.split([',', ')']).next().unwrap_or_default().trim();
            if name == "eventfd2" {
                wakers.extend(made(line));
            }
            let is_counted = !(UNCOUNTED.contains(&name) || name == "write" && wakers.contains(first));
            calls += u64::from(is_counted);
            counted.insert(thread, is_counted);
        }
        if line.contains(WOULD_BLOCK) && counted.get(thread) == Some(&true) {
            calls -= 1;
        }
    }
    calls
}

/// The descriptor that a call has made, in decimal digits.
fn made(line: &str) -> Option<String> {
    let (_, number) = line.rsplit_once("Success(0x")?;
    let number = u32::from_str_radix(number.split(')').next()?, 16).ok()?;
    Some(number.to_string())
}

#[test]
fn calls_that_wait_or_wake_do_not_count() {
    let log = "==7== Callgrind\n\
        SYSCALL[7,1](290) sys_eventfd2 ( 0, 524288 )[sync] --> Success(0xa) \n\
        SYSCALL[7,2](1) sys_write ( 10, 0x4035f80, 8 ) --> [async] ... \n\
        SYSCALL[7,1](232) sys_epoll_wait ( 3, 0x4, 1024, 5 ) --> [async] ... \n\
        SYSCALL[7,2](1) ... [async] --> Success(0x8) \n\
        SYSCALL[7,2](45) sys_recvfrom ( 11, 0x4, 1024, 0, 0x0, 0x0 ) --> [async] ... \n\
        SYSCALL[7,1](232) ... [async] --> Success(0x1) \n\
        SYSCALL[7,2](45) ... [async] --> Failure(0xb) \n\
        SYSCALL[7,1](  0) sys_read ( 4, 0x4035500, 1024 ) --> [async] ... \n\
        SYSCALL[7,1](  0) ... [async] --> Success(0x400) \n\
        SYSCALL[7,1](  3) sys_close ( 4 )[sync] --> Success(0x0) \n\
        SYSCALL[7,1](228) sys_clock_gettime( 1, 0x40359f0 )[sync] --> Success(0x0) \n\
        SYSCALL[7,1](204) sched_getaffinity ( 7, 32, 0x4035a10 )[sync] --> Success(0x20) \n";
    // The making of the descriptor, the read, and the close.
    assert_eq!(count(log), 3);
}
