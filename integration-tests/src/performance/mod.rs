//! What the benchmark has measured and what is asked of it: from one collection of values come the text of a run, its JSON,
//! the comparison with an earlier run, and the page with its curves.

mod curve;
mod page;
mod results;
mod spread;
mod target;
mod targets;

pub use page::{MARK, PAGE, Page, RESULTS, TEMPLATE, pages};
pub use results::{Measure, PartResults, Quantity, RecordedFigure, Results, Run};
pub use spread::{Spread, number};
pub use target::{Bound, Figure, Reference, Target, better, met};
pub use targets::TARGETS;

/// The contender that is this tree's build of the server.
pub const SERVER: &str = "ftp-server";
/// The contender that is this tree's build of the user agent.
pub const USER: &str = "ftp-user";
/// The contender that is the build of `--baseline`.
pub const BASELINE: &str = "baseline";
