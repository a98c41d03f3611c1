//! Starts the scheduler, and raises the limit of open files.

use std::io;
use std::num::NonZero;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::{Builder, Runtime};

use crate::os_error::words;

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
    let runtime = Builder::new_multi_thread()
        .worker_threads(processors.min(threads.workers).max(1))
        .max_blocking_threads(threads.blocking.max(1))
        .thread_name(threads.name)
        .thread_stack_size(STACK)
        .enable_all()
        .build()?;
    let entered = runtime.enter();
    crate::signal::survive_large_files()?;
    drop(entered);
    Ok(runtime)
}

/// Bytes of the stack of a thread. The nested futures of a copy take more than the usual 2 MiB where nothing is optimised; memory
/// is taken only for what is used.
const STACK: usize = 8 << 20;

/// Runs a service: raises the limit of open files, starts a scheduler, and waits for the end of `service`.
/// Threads that a disk blocks then delay the end for two seconds at most.
///
/// # Errors
///
/// As for [`start`].
pub fn run<T>(threads: Threads, service: impl Future<Output = T>) -> io::Result<T> {
    if let Err(error) = raise_descriptor_limit() {
        tracing::debug!(error = words(&error), "cannot raise the limit of open files");
    }
    let runtime = start(threads)?;
    let served = runtime.block_on(service);
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    Ok(served)
}

/// Raises the limit of open files as far as the system allows it.
fn raise_descriptor_limit() -> io::Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    }
    Ok(())
}

/// How long threads that a disk blocks can delay the end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);
