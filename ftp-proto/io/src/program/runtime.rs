//! Starts the scheduler, and raises the limit of open files.

use std::io;
use std::num::NonZero;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::{Builder, Runtime};

/// The threads of a program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Threads {
    /// The name of the threads in listings of processes.
    pub name: &'static str,
    /// Maximum number of threads that run tasks; never more than there are processors.
    pub workers: usize,
    /// Maximum number of threads that wait for disks and other calls that block.
    pub blocking: usize,
}

/// Starts a scheduler.
///
/// # Errors
///
/// The operating system refuses a thread or a descriptor.
pub fn start(threads: Threads) -> io::Result<Runtime> {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    Builder::new_multi_thread()
        .worker_threads(processors.min(threads.workers).max(1))
        .max_blocking_threads(threads.blocking.max(1))
        .thread_name(threads.name)
        .enable_all()
        .build()
}

/// Raises the limit of open files as far as the system allows it, and returns the new limit; `None`
/// is no limit.
///
/// # Errors
///
/// The limit stays as it was when the system refuses.
pub fn raise_descriptor_limit() -> io::Result<Option<u64>> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    }
    Ok(maximum)
}
