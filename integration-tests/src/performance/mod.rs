//! What the benchmark has measured and what is asked of it: from one collection of values come the text of a run, its JSON,
//! the comparison with an earlier run, and the page with its curves.

mod curve;
mod page;
mod results;
mod row;
mod rows;
mod spread;

pub use page::{MARK, PAGE, Page, RESULTS, TEMPLATE, pages};
pub use results::{Measure, Part, Quantity, Results, Run, Stated};
pub use row::{Beside, Bound, Figure, Row, better, met};
pub use rows::ROWS;
pub use spread::{Spread, number};

/// The contender that is this tree's build of the server.
pub const SERVER: &str = "ftp-server";
/// The contender that is this tree's build of the user agent.
pub const USER: &str = "ftp-user";
/// The contender that is the build of `--baseline`.
pub const BASELINE: &str = "baseline";
