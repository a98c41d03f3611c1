//! Jobs that a daemon carries: how each stands, when it is tried again, and which one is next.
//!
//! | file | what |
//! |---|---|
//! | `entry` | a job of the queue: what happens to it, and how it stands then |
//! | `change` | what people do with jobs, and why it cannot be done |
//! | `series` | a job that is carried again and again |
//! | `slice` | which jobs and files are asked for, and some of many things at a time |
//! | `token` | tokens of the API, as a store has them |
//! | `when` | times and schedules, as they are typed |
//! | `hours` | the hours of the week in which something may be used |
//! | `limits` | what all jobs together may use of a site |
//! | `lease` | the right of one worker to a job, for a time |
//! | `worker` | workers, as a store has them |
//! | `progress` | how far a job is that is carried |
//! | `choice` | which job is carried next, so that every owner and every pair of servers gets a fair share |
//!
//! Nothing here knows where the queue is kept, or does anything: the journal keeps it, and the daemon carries it.

mod change;
mod choice;
mod entry;
mod hours;
mod lease;
mod limits;
mod progress;
mod series;
mod slice;
mod token;
mod when;
mod worker;

pub use change::{EntryRefusal, JobChange};
pub use choice::{CarriedJob, Head, next};
pub(crate) use entry::{DONE, INTERRUPTED, PARTIAL};
pub use entry::{
    Entry, FileTotals, MOST_OF_OWNER, NamedRequest, Priority, QueueState, RecordedSites, Submission, Wish,
};
pub use hours::Hours;
pub use lease::{LEASE_TIME, Lease, RenewalTimer, WHOLE_JOB};
pub use limits::{JobsAtOnce, SharedLimits, SiteRefusal, SiteUse};
pub use progress::StoredProgress;
pub use series::{Series, Turn, moment, turn};
pub use slice::{FileCursor, FileQuery, FileState, JobCursor, JobQuery, Slice};
pub use token::{Scope, Token};
pub use when::{Recurrence, WhenError, local_time, parse_at, parse_time_of_day, zone_name, zone_of};
pub use worker::{
    MISTAKEN, NO_RELAY, WorkerProfile, WorkerRecord, are_draining, blamed_settings, has_worker, reporter,
    scattered_sites,
};
