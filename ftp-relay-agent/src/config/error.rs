//! Why there is no configuration.

use ftp_io::program::settings::Mistakes;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The policy file has mistakes.
    #[error(transparent)]
    File(#[from] Mistakes),
    /// Something is missing.
    #[error("{0} is missing: give it on the command line, or in the file of --config")]
    Missing(&'static str),
}
