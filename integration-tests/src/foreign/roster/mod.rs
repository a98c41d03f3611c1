//! Other people's clients with our server: a table of them, a script for each, and one driver that runs a
//! script in every setting that its client knows.

mod client;
mod list;
mod page;
mod setting;
mod start;
mod trial;

pub use client::{Client, Lack, Start, Step};
pub use list::CLIENTS;
pub use page::{Outcome, Table};
pub use setting::{Mode, Setting, Version};
pub use trial::trial;
