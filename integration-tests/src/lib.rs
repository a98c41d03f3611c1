//! The harness of the suite's tests: real programs started by small builders, raw control
//! connections, scripted peers, and the transcript language of the fixtures.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::indexing_slicing,
    reason = "a harness that cannot go on fails its test at once"
)]

pub mod beside;
pub mod binary;
pub mod broken_disk;
pub mod browser;
pub mod certificate;
pub mod delay;
pub mod disk;
pub mod drawing;
pub mod faults;
pub mod foreign;
pub mod fuzz;
pub mod hub;
pub mod impostor;
pub mod keeper;
pub mod liar;
pub mod line;
pub mod net;
pub mod operator;
pub mod peer;
pub mod performance;
pub mod postgres;
pub mod raw;
pub mod relay;
pub mod silent_names;
pub mod sim;
pub mod site;
pub mod skip;
pub mod socket;
pub mod socks;
pub mod terminal;
pub mod tls_client;
pub mod tls_peer;
pub mod topology;
pub mod trace;
pub mod transcript;
pub mod user;
pub mod world;
