//! The verbs of the shell alone, as its lines have them.

use super::super::General;
use super::super::trust::TrustArgs;
use clap::{Parser, Subcommand};

/// A line with a verb of the shell alone.
#[derive(Debug, Parser)]
#[command(name = "ftp-user", max_term_width = 100, infer_subcommands = false, disable_help_subcommand = true)]
pub(super) struct OwnLine {
    #[command(flatten, next_help_heading = "General options")]
    pub(super) general: General,
    #[command(flatten, next_help_heading = "Certificates of servers")]
    _trust: TrustArgs,
    #[command(subcommand)]
    pub(super) verb: Own,
}

/// A verb of the shell alone.
#[derive(Debug, Subcommand)]
pub(super) enum Own {
    /// Go to a directory: of a site, of a composite directory, or of this host
    Cd {
        /// The directory; without it, this host; - is the one before
        #[arg(value_name = "PLACE")]
        place: Option<String>,
    },
    /// Make one name space of directories of several sites
    Composite {
        #[command(subcommand)]
        what: Option<OfComposites>,
    },
    /// Wait for a job in the background and show what it says
    Fg {
        /// Its number; without it, the last one
        #[arg(value_name = "NUMBER")]
        job: Option<String>,
    },
    /// List the verbs, or show the options of one
    Help {
        /// A verb of this list
        #[arg(value_name = "VERB")]
        verb: Option<String>,
    },
    /// Show the lines that are kept
    History,
    /// Change the directory of this host
    Lcd {
        /// The directory; without it, your home directory
        #[arg(value_name = "DIR")]
        directory: Option<String>,
    },
    /// Show the directory of this host
    Lpwd,
    /// Show the directory that names are relative to
    Pwd,
    /// Leave the shell
    Quit {
        #[arg(hide = true)]
        words: Vec<String>,
    },
    /// Show how much is known of directories at servers
    Status,
    /// Wait for jobs in the background
    Wait {
        /// The number of one; without it, all
        #[arg(value_name = "NUMBER")]
        job: Option<String>,
    },
    /// Show where names are
    Where {
        /// Names of files and directories
        #[arg(required = true, value_name = "PLACE")]
        names: Vec<String>,
    },
}

/// What is done with composite directories.
#[derive(Debug, Subcommand)]
pub(super) enum OfComposites {
    /// List composite directories, or the components of one
    List {
        /// The composite directory
        #[arg(value_name = "COMPOSITE")]
        name: Option<String>,
    },
    /// Add components to a composite directory; the first ones make it
    Add {
        /// The composite directory
        #[arg(value_name = "COMPOSITE")]
        name: String,
        /// Directories of sites, or of this host
        #[arg(required = true, value_name = "PLACE")]
        places: Vec<String>,
    },
    /// Remove a component, or the whole composite directory. No file is deleted
    Remove {
        /// The composite directory
        #[arg(value_name = "COMPOSITE")]
        name: String,
        /// One of its components
        #[arg(value_name = "PLACE")]
        place: Option<String>,
    },
}
