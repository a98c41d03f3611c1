//! Waits until a program has nothing more to do.

use integration_tests::socket::WATCHDOG;
use std::fs;
use std::thread::park_timeout;
use std::time::Duration;

/// Waits until every thread of the process sleeps. The next command then always finds the program in the same state, however
/// fast the machine is and whatever else it does.
pub(crate) fn settle(id: u32) {
    until(|| asleep(id).is_some_and(|first| asleep(id) == Some(first)), MOMENT);
}

/// Waits until the process has slept for a while: a thread that copies waits a moment for more bytes, and gives up then.
pub(crate) fn settle_for_long(id: u32) {
    let has_slept = || {
        settle(id);
        let before = asleep(id);
        park_timeout(LONG);
        before.is_some() && asleep(id) == before
    };
    until(has_slept, Duration::ZERO);
}

fn until(holds: impl Fn() -> bool, pause: Duration) {
    for _ in 0..WATCHDOG.as_millis() {
        if holds() {
            return;
        }
        park_timeout(pause);
    }
    panic!("the program never sleeps");
}

const MOMENT: Duration = Duration::from_millis(1);
/// Longer than a copy waits for more bytes (`ftp_io::copy`).
const LONG: Duration = Duration::from_millis(12);

/// How often its threads have gone to sleep or were interrupted so far, if all of them sleep now.
fn asleep(id: u32) -> Option<u64> {
    let threads = fs::read_dir(format!("/proc/{id}/task")).ok()?;
    let mut switches = 0;
    for thread in threads {
        let status = fs::read_to_string(thread.ok()?.path().join("status")).ok()?;
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
        if !field("State:")?.trim_start().starts_with('S') {
            return None;
        }
        for name in ["voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"] {
            switches += field(name)?.trim().parse::<u64>().ok()?;
        }
    }
    Some(switches)
}
