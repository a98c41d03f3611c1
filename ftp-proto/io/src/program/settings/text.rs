//! The text of a file of settings.

use std::path::Path;
use std::string::FromUtf8Error;

use super::mistake::{Mistake, Mistakes};
use crate::named_file::{self, LARGEST_SETTINGS};
use crate::os_error::words;

/// Reads the text of the file at `path`.
///
/// # Errors
///
/// The file cannot be read, or is not UTF-8; the mistake says where.
pub fn text_of(path: &Path) -> Result<String, Mistakes> {
    let bytes = named_file::read(path, LARGEST_SETTINGS)
        .map_err(|error| Mistakes::whole(path, format!("cannot read it: {}", words(&error))))?;
    String::from_utf8(bytes.to_vec()).map_err(|error| Mistakes::new(path, vec![not_utf8(&error)]))
}

/// The first byte that is not UTF-8, which TOML needs.
fn not_utf8(error: &FromUtf8Error) -> Mistake {
    let before = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
    let last = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = String::from_utf8_lossy(last).chars().count() + 1;
    Mistake { line, column, what: "this is not UTF-8: save the file as UTF-8".to_owned() }
}
