//! The style and the script of the page, under names that change with them.

use crate::web::call::{Answer, Call};
use crate::web::error::{ApiError, Result};
use ftp_proto::wire::hex;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// The style of all pages.
pub(crate) const STYLE: &str = include_str!("page.css");

/// The script of all pages.
const SCRIPT: &str = include_str!("page.js");

/// The picture that browsers show beside the title.
const ICON: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 16 16\"><path \
                    d=\"M1 5h10m0 0-3-3m3 3-3 \
                    3M15 11H5m0 0 3-3m-3 3 3 3\" fill=\"none\" stroke=\"#2f81d6\" stroke-width=\"2\"/></svg>";

/// The path of the icon.
pub(super) static ICON_LINK: LazyLock<String> = LazyLock::new(|| format!("/assets/{}", name(ICON, "svg")));

/// The path of the style.
pub(super) static STYLE_LINK: LazyLock<String> = LazyLock::new(|| format!("/assets/{}", name(STYLE, "css")));

/// The path of the script.
pub(super) static SCRIPT_LINK: LazyLock<String> = LazyLock::new(|| format!("/assets/{}", name(SCRIPT, "js")));

/// A name that tells what is in the file.
fn name(content: &str, kind: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(content.as_bytes()).into();
    format!("page-{}.{kind}", hex(digest.get(..8).unwrap_or_default()))
}

/// Shows the style or the script.
pub(super) fn show(call: &Call) -> Result<Answer> {
    let is = |link: &str| link.strip_prefix("/assets/") == Some(call.id.as_str());
    match (is(&STYLE_LINK), is(&SCRIPT_LINK), is(&ICON_LINK)) {
        (true, _, _) => Ok(Answer::Asset("text/css; charset=utf-8", STYLE)),
        (_, true, _) => Ok(Answer::Asset("text/javascript; charset=utf-8", SCRIPT)),
        (_, _, true) => Ok(Answer::Asset("image/svg+xml", ICON)),
        (false, false, false) => Err(ApiError::not_found("page")),
    }
}
