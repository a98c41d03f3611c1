//! The suite's tests above the crates: one binary, a module for each chapter of the statements.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails at once, its helpers too"
)]

mod accounts;
mod active;
mod alone;
mod aside;
mod bad_input;
mod bad_jobs;
mod batches;
mod behind;
mod between;
mod broken_disk;
mod certificates;
mod changed_parts;
mod claims;
mod cli;
mod completions;
mod contact;
mod cross;
mod deaths;
mod debts;
mod detached;
mod digests;
mod early_kills;
mod encrypted;
mod faults;
mod foreign;
mod fuzz;
mod gender;
mod hangup;
mod harm;
mod harness;
mod hostile;
mod hub;
mod journal;
mod journal_more;
mod left_alone;
mod liars;
mod lies;
mod lines;
mod lists;
mod local_trees;
mod manners;
mod middle;
mod mixed;
mod modes;
mod moves;
mod named_files;
mod names;
mod network;
mod old_journal;
mod outage;
mod passwords;
mod pipelines;
mod power;
mod prefix;
mod probe;
mod progress;
mod proof;
mod proxied;
mod quirks;
mod quotas;
mod recipes;
mod relay;
mod relayed;
mod reload;
mod rescue;
mod restarts;
mod resume;
mod round_trips;
mod rsym;
mod shell;
mod signals;
mod simulator;
mod sites;
mod six;
mod sock;
mod spellings;
mod standard;
mod streams;
mod sync;
mod sync_deletions;
mod taken_names;
mod third_party;
mod through;
mod tidy;
mod tls;
mod told;
mod told_jobs;
mod transcripts;
mod transfer;
mod trees;
mod units;
mod unreached;
mod unseen;
mod user_agent;
mod verbs;
mod walk;
mod why;
mod workers;
