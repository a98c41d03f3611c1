//! The keys of the tables of the policy file. The doc comments are the texts of the reference.

use std::num::NonZeroU64;
use std::time::Duration;

use clap::Args;
use ftp_io::program::{duration, size};
use ftp_proto::policy::Allowed;

use crate::policy::Bounds;

/// `[limits]`: what all tokens share.
#[derive(Args, Debug, Default)]
pub struct LimitKeys {
    /// Sessions at the same time [default: 1024]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub sessions: Option<u32>,
    /// Tunnels of a relay at the same time; a copy needs two [default: 2048]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub tunnels: Option<u32>,
    /// Joins of a relay at the same time; a copy needs one [default: 1024]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub joins: Option<u32>,
    /// Calls of a hub at the same time; a copy between two agents needs three [default: 2048]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub calls: Option<u32>,
    /// Tunnels and joins, or calls, that begin within a minute [default: no limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub starts_per_minute: Option<u64>,
    /// Bytes per second, all together; of those that wait, the one that has moved least is next [default: no limit]
    #[arg(long, value_name = "RATE", value_parser = size::parse_rate)]
    pub rate: Option<NonZeroU64>,
    /// Bytes within a day, all together; the day begins with the first of them [default: no limit]
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub bytes_per_day: Option<u64>,
    /// Bytes per second of each tunnel, join or call [default: no limit]
    #[arg(long, value_name = "RATE", value_parser = size::parse_rate)]
    pub max_rate: Option<NonZeroU64>,
    /// Bytes of each tunnel, join or call, both directions together [default: no limit]
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub max_bytes: Option<u64>,
    /// Longest time of each tunnel, join or call [default: 24h at a relay, no limit at a hub]
    #[arg(long, value_name = "T", value_parser = duration::parse)]
    pub max_time: Option<Duration>,
}

/// `[[groups]]`: what some tokens share, and `[[identities]]`: what the holder of one may do. Every key of `[limits]` is a
/// key of these, too.
#[derive(Args, Debug, Default)]
pub struct RuleKeys {
    /// The name of the group
    #[arg(long, value_name = "NAME", required = true)]
    pub name: String,
    /// The group that it is in [default: none]
    #[arg(long, value_name = "GROUP")]
    pub parent: Option<String>,
    /// FTP servers that may be reached, as in the option `allow` [default: those of the parent, else of the option]
    #[arg(long, value_name = "TARGET")]
    pub allow: Vec<Allowed>,
    /// The limits of the group or of the token.
    #[command(flatten)]
    pub limits: LimitKeys,
}

impl From<LimitKeys> for Bounds {
    fn from(keys: LimitKeys) -> Self {
        let count = |count: Option<u32>| count.and_then(|count| usize::try_from(count).ok());
        Self {
            sessions: count(keys.sessions),
            tunnels: count(keys.tunnels),
            joins: count(keys.joins),
            calls: count(keys.calls),
            starts: keys.starts_per_minute,
            rate: keys.rate,
            daily: keys.bytes_per_day,
            each_rate: keys.max_rate,
            each_bytes: keys.max_bytes,
            each_time: keys.max_time,
        }
    }
}
