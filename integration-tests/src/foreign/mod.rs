//! Other people's servers and clients: fetched without installing anything, each started with a
//! directory, a user and a log of its own, and whether it lets foreign hosts take part.

mod apart;
mod between;
mod client;
mod config;
mod fetch;
mod kind;
mod page;
mod pair;
mod process;
mod referee;
pub mod roster;
mod running;
mod server;
mod tls;
pub mod words;

pub use crate::skip::{Skipped, say_skipped};
pub use apart::RelayedPair;
pub use between::{Between, Form};
pub use client::{ClientRun, Desk};
pub use fetch::Tool;
pub use kind::{Hosts, Kind};
pub use page::{Page, side_name, sides};
pub use pair::{
    DirectPath, End, Who, direct_path, direct_path_from_afar, exits_without_a_path, is_open_rung, shown, tree,
};
pub use process::Group;
pub use referee::{Protection, Referee, ftplib_fetches};
pub use running::ForeignServer;
pub use server::{Foreign, own_address};
pub use tls::Begin;
