//! The state of TLS in a session: on the control connection, and for data connections (RFC 4217).

use crate::policy::{Cargo, Grant};
use crate::server::ask::{DataTls, TlsRole};
use crate::server::config::Reuse;
use crate::wire::Fingerprint;

/// The state of TLS in a session.
#[derive(Debug)]
pub(crate) struct TlsState {
    control: Control,
    /// PBSZ was sent, so that PROT may follow.
    pub(crate) pbsz: bool,
    /// PROT P holds: data connections are inside TLS.
    pub(crate) private: bool,
    /// SSCN ON holds: this server is the TLS client where files move.
    pub(crate) client: bool,
    /// The certificate that PINC named for the other end of data connections.
    pub(crate) pin: Option<Fingerprint>,
}

/// The control connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Control {
    /// It is in clear.
    Clear,
    /// It is inside TLS.
    Private {
        /// The certificate that the client has shown.
        leaf: Option<Fingerprint>,
    },
}

impl TlsState {
    /// A control connection in clear.
    pub(crate) const fn new() -> Self {
        Self { control: Control::Clear, pbsz: false, private: false, client: false, pin: None }
    }

    /// Whether the control connection is inside TLS.
    pub(crate) const fn is_inside_tls(&self) -> bool {
        matches!(self.control, Control::Private { .. })
    }

    /// The certificate that the client has shown on the control connection.
    pub(crate) const fn leaf(&self) -> Option<Fingerprint> {
        match self.control {
            Control::Private { leaf } => leaf,
            Control::Clear => None,
        }
    }

    /// Notes that TLS has ended on the control connection.
    pub(crate) const fn cleared(&mut self) {
        self.control = Control::Clear;
    }

    /// Notes that the handshake of the control connection is done, and the certificate that the client has
    /// shown.
    pub(crate) const fn secured(&mut self, leaf: Option<Fingerprint>) {
        self.control = Control::Private { leaf };
    }

    /// The role of this server in the TLS of a data connection; `None` if that is in clear. SSCN and
    /// CPSV (`client`) are for files: a listing goes to the user's own client (F05).
    pub(crate) const fn role(&self, cargo: Cargo, client: bool) -> Option<TlsRole> {
        if !self.private {
            return None;
        }
        Some(match cargo {
            Cargo::File if self.client || client => TlsRole::Client,
            Cargo::File | Cargo::Listing => TlsRole::Server,
        })
    }

    /// How TLS begins on a data connection whose other end policy allows on these terms. What is pinned,
    /// foreign or to prove itself resumes nothing: a ticket could be taken to third hosts.
    pub(crate) fn data_tls(&self, role: TlsRole, grant: Grant, proves: bool, reuse: Reuse) -> DataTls {
        let pinned = self.pin.is_some();
        let ours = role == TlsRole::Server && grant == Grant::Own && !pinned && !proves;
        DataTls { role, resumes: ours && reuse != Reuse::Off, pinned }
    }

    /// Resets PBSZ, PROT, SSCN and PINC. TLS on the control connection stays.
    pub(crate) const fn reset(&mut self) {
        *self = Self { control: self.control, ..Self::new() };
    }

    /// Sets PROT P without a command, as implicit TLS and AUTH SSL imply.
    pub(crate) const fn make_data_private(&mut self) {
        self.pbsz = true;
        self.private = true;
    }
}
