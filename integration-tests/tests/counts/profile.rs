//! Counts instructions in a profile of Callgrind.

use std::collections::HashMap;

/// Runs a thread of tokio's pool, whatever it is for.
const POOL_THREAD: &str = "tokio::runtime::blocking::pool::Inner::run";
/// Runs one piece of work that may block, or a worker of the scheduler.
const BLOCKING: &str =
    "<tokio::runtime::blocking::task::BlockingTask<T> as core::future::future::Future>::poll";
/// The loop of a worker.
const WORKER: &str = "tokio::runtime::scheduler::multi_thread::worker::run";
/// Where a worker has found a task.
const RUN_TASK: &str = "tokio::runtime::scheduler::multi_thread::worker::Context::run_task";
/// Polls a task.
const POLL: &str = "tokio::runtime::task::raw::poll";
/// How a thread waits that runs one future to its end: the main thread, and those with a scheduler of their own.
const PARK: [&str; 2] = [
    "tokio::runtime::park::CachedParkThread::park",
    "tokio::runtime::scheduler::current_thread::Context::park",
];

/// The instructions of a run without those of tokio's scheduler: how often its threads go to sleep and look for work depends on the
/// machine. What tasks, work that may block, the main thread and threads of its own do is counted.
///
/// The profile names each function in full (`--compress-strings=no`).
pub(crate) fn count(profile: &str) -> u64 {
    let calls = calls(profile);
    let sum = |wanted: &dyn Fn(&str, &str) -> bool| -> u64 {
        calls.iter().filter(|((from, to), _)| wanted(from, to)).map(|(_, cost)| cost).sum()
    };
    let pool = sum(&|_, to| to == POOL_THREAD);
    let parked = sum(&|_, to| PARK.contains(&to));
    let blocking = sum(&|from, to| from == BLOCKING && to != WORKER);
    let tasks = sum(&|from, to| from == RUN_TASK && to == POLL);
    assert!(
        pool > 0 && parked > 0 && tasks > 0,
        "tokio's functions have other names: {pool} {parked} {tasks}"
    );
    let total = profile.lines().find_map(|line| line.strip_prefix("summary: ")).expect("a total");
    total.parse::<u64>().unwrap() - (pool - blocking - tasks) - parked
}

/// What the calls from one function to another have cost, with all that was called from there.
fn calls(profile: &str) -> HashMap<(&str, &str), u64> {
    let mut found = HashMap::new();
    let (mut from, mut to) = ("", "");
    let mut lines = profile.lines();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("fn=") {
            from = without_depth(name);
        } else if let Some(name) = line.strip_prefix("cfn=") {
            to = without_depth(name);
        } else if line.starts_with("calls=") {
            let cost = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap();
            *found.entry((from, to)).or_default() += cost.parse::<u64>().unwrap();
        }
    }
    found
}

/// The name of a function without the mark of a call that is inside another one of itself.
fn without_depth(name: &str) -> &str {
    name.rsplit_once('\'').filter(|(_, depth)| depth.parse::<u8>().is_ok()).map_or(name, |(name, _)| name)
}

#[test]
fn the_scheduler_does_not_count_and_what_it_runs_does() {
    let call = |from: &str, to: &str, cost: u64| format!("fn={from}\n12 5\ncfn={to}\ncalls=1 0\n12 {cost}\n");
    let profile = [
        "summary: 1000\n".to_owned(),
        call("main", "block_on", 900),
        call("block_on", PARK[0], 50),
        call("start", POOL_THREAD, 600),
        call(BLOCKING, WORKER, 400),
        call(BLOCKING, "ftp_server::read", 70),
        call(RUN_TASK, &format!("{POLL}'2"), 200),
        call("pool", POLL, 480),
    ];
    assert_eq!(count(&profile.concat()), 1000 - (600 - 70 - 200) - 50);
}
