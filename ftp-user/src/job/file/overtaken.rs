//! What somebody stores under the final name of a file while it is copied. It is looked at right before the copy gets the
//! name, because renaming replaces it at most servers.

use crate::check::{Decision, Overwrite};
use crate::context::Context;
use crate::endpoint::Host;
use crate::failure::Failure;
use crate::job::remains::part::Part;
use crate::session::Facts;

/// What somebody has stored under the final name of `part` since the copy of `source` began, if it is so new that `rule` lets
/// nothing replace it.
///
/// # Errors
///
/// Nothing may be replaced, and somebody has stored something there; or the destination does not say.
pub(super) async fn overtaken(
    context: &Context,
    rule: Overwrite,
    (host, part, source): (&mut Host, &Part, &Facts),
) -> Result<Option<Facts>, Failure> {
    match rule {
        Overwrite::Always | Overwrite::Different => Ok(None),
        Overwrite::Never => part.replaces_nothing(context, host).await.map(|()| None),
        Overwrite::Newer => {
            let target = part.now_there(context, host).await?;
            let is_kept = rule.decide(source, target.as_ref()) == Decision::Skip;
            Ok(target.filter(|_| is_kept))
        }
    }
}
