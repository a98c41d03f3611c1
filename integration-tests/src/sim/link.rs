//! A control connection: what is under way, and what has become of it.

use ftp_proto::timer::Moment;

/// One control connection.
#[derive(Debug, Default)]
pub(super) struct Link {
    /// Nothing sent now arrives before.
    pub(super) to_server: Moment,
    pub(super) to_user: Moment,
    /// Nothing at all arrives before.
    pub(super) stalled_until: Moment,
    /// Nothing sent arrives any more.
    pub(super) dead: bool,
    /// A fault has touched it: whoever uses it may be disappointed.
    pub(super) harmed: bool,
    /// Messages since the attempt began, both ways.
    pub(super) messages: u32,
    pub(super) server_closed: bool,
    pub(super) user_closed: bool,
}

impl Link {
    /// Whether both ends have closed it, or it has broken.
    pub(super) const fn is_closed(&self) -> bool {
        self.dead || (self.user_closed && self.server_closed)
    }
}
