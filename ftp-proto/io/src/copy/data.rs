//! A data connection as copies use it.

use super::burst::Conn;
use super::{Ended, Meter};
use crate::connection::Layer;
use crate::socket::end_by_reset;
use crate::tls::Data;

/// Opens a data connection: the socket, and TLS where there is TLS. It is reset when it is dropped, also
/// before the end of the handshake: no peer takes that for the end of a file.
pub(super) async fn open(data: Data, meter: &Meter) -> Result<(Conn, Option<Layer>), Ended> {
    end_by_reset(data.socket());
    tokio::select! {
        () = meter.stopped() => Err(Ended::Stopped),
        opened = data.open() => {
            let (socket, tls) = opened.map_err(Ended::Broken)?.into_parts();
            Ok((Conn::new(socket), tls))
        }
    }
}
