//! The HTTP API and the page of a daemon.
//!
//! | file | what |
//! |---|---|
//! | `serve` | listeners and their connections: places, limits of time and size, the end of the daemon |
//! | `route` | the table of routes, and the way of a request: guard, scope, body, answer |
//! | `guard` | who may not: hosts, tokens, cookies, forms |
//! | `call` | a request after the guard, and what it is answered with |
//! | `api` | what programs ask for, with JSON; events as they come |
//! | `page` | what people see |
//! | `view` | what is shown of jobs, files, sites and workers |
//! | `fleet` | what is asked of the queue behind it, and who asks |
//! | `event_log` | the last events, for those who follow them |
//! | `client` | a client of the API |
//! | `error` | why a request cannot be answered |
//!
//! A request passes the guard, then its route; a route asks the [`Fleet`] and answers with JSON or with a page.

mod api;
mod call;
pub mod client;
pub mod error;
pub mod event_log;
pub mod fleet;
mod guard;
mod page;
mod route;
pub mod serve;
pub mod view;

#[cfg(test)]
mod tests;

pub use api::job::command_words;
#[cfg(test)]
pub(crate) use api::options::read as read_options;
pub use api::options::{JobOption, OPTIONS, OptionKind, option_of};
pub use api::places::permit;
pub use call::encode;
pub use error::{ApiError, ErrorCode};
pub use fleet::{Caller, Fleet, TokenInfo};
pub use guard::{new_token, token_digest};
pub use serve::{Listener, WebSettings, serve};
